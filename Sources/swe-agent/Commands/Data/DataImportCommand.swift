import ArgumentParser
import Foundation
import TaskStore
import Workflow

struct DataImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Add the tasks of a file that data export wrote.",
        discussion: """
            The data directory is made where it is missing; no service may run on it. Tasks that are there already stay as they \
            are. On an error nothing is imported.
            """)

    @Argument(help: "The file to read.")
    var file: String

    @OptionGroup var options: DataOptions

    func run() throws {
        let directory = try options.directory()
        guard let lines = LineReader(path: file) else {
            throw ProgramError("cannot read \(file): \(String(cString: strerror(errno)))")
        }
        let counts = try withStoreErrors { try DataArchive.import(into: directory) { try lines.next() } }
        if options.json {
            Terminal.output.write(try JSONText(counts).text + "\n")
        } else {
            let known = counts.known == 0 ? "" : " \(counts.known) were there already."
            Terminal.output.print("Imported \(counts.tasks) tasks with \(counts.entries) entries.\(known)")
        }
    }
}

/// Reads a file line by line, as it may be larger than memory.
private final class LineReader {
    /// The most bytes of a line: more than the largest payload of a task by far.
    private static let lineLimit = 256 << 20

    private let handle: FileHandle
    private var buffer = Data()
    private var isAtEnd = false

    init?(path: String) {
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        self.handle = handle
    }

    func next() throws -> String? {
        var searched = buffer.startIndex
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffer = buffer[(end + 1)...] }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            guard !isAtEnd else {
                defer { buffer = Data() }
                return buffer.isEmpty ? nil : String(decoding: buffer, as: UTF8.self)
            }
            guard buffer.count <= Self.lineLimit else { throw ProgramError("a line of the file is too long") }
            buffer = Data(buffer)
            searched = buffer.endIndex
            do {
                guard let more = try handle.read(upToCount: 1 << 20), !more.isEmpty else {
                    isAtEnd = true
                    continue
                }
                buffer += more
            } catch {
                throw ProgramError("the file cannot be read: \(error.localizedDescription)")
            }
        }
    }
}
