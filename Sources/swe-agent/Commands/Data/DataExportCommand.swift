import ArgumentParser
import Foundation
import TaskStore
import Workflow

struct DataExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all tasks with their journals to a file.",
        discussion: """
            Of a damaged database it writes the tasks that can be read whole, says what could not, and exits with 1. A service \
            may run. Work trees are not part of it: a task that has not ended goes on elsewhere only where SWE_AGENT_WORKSPACE \
            and the data directory's repositories are copied, too.
            """)

    @Argument(help: "The file to write, which must not exist.")
    var file: String

    @OptionGroup var options: DataOptions

    func run() throws {
        let directory = try options.directory()
        // Never over another file, and not under its own name before it is whole.
        let part = file + ".part"
        guard !FileManager.default.fileExists(atPath: file) else { throw ProgramError("\(file) exists already") }
        guard FileManager.default.createFile(atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: part)
        else { throw ProgramError("cannot write \(part): \(String(cString: strerror(errno)))") }
        let counts: DataArchive.Counts
        do {
            var buffer = Data()
            counts = try withStoreErrors {
                try DataArchive.export(from: directory) { line in
                    buffer += line
                    guard buffer.count >= 1 << 20 else { return }
                    try handle.write(contentsOf: buffer)
                    buffer.removeAll(keepingCapacity: true)
                }
            }
            try handle.write(contentsOf: buffer)
            try handle.synchronize()
            try handle.close()
            try FileManager.default.moveItem(atPath: part, toPath: file)
        } catch {
            try? FileManager.default.removeItem(atPath: part)
            throw error is ProgramError ? error : ProgramError("cannot write \(file): \(error.localizedDescription)")
        }
        if options.json {
            Terminal.output.write(try JSONText(counts).text + "\n")
        } else {
            Terminal.output.print("Wrote \(counts.tasks) tasks with \(counts.entries) entries to \(file).")
            for problem in counts.problems { Terminal.error.print("lost: \(problem.printable(limit: 500))", .red) }
        }
        if !counts.problems.isEmpty { throw ExitCode.failure }
    }
}
