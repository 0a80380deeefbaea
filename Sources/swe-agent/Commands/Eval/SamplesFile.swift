import Agents
import Foundation
import Workflow

/// The samples of an evaluation as they are made: JSON lines, first what they were made with, then human-eval's format.
struct SamplesFile: Sendable {
    /// What samples have in common; others are no continuation of them.
    struct Header: Codable, Sendable, Hashable {
        var model: String
        var samples: Int
        var options: CodingOptions
    }

    let path: String
    private let header: Header

    /// Begins the file, or checks that it was begun with the same header.
    ///
    /// - Throws: ``HumanEvalError``.
    init(path: String, header: Header) throws {
        self.path = path
        self.header = header
        guard let first = lines.first else {
            try write([JSONText(header).text])
            return
        }
        guard (try? JSONDecoder().decode(Header.self, from: first)) == header else {
            throw HumanEvalError(
                "\(path) has samples of another model or with other settings; remove it, or name another with --output")
        }
    }

    /// The samples of whole problems; those of a problem that was cut off are made again, all of them.
    func read() throws -> [HumanEvalSample] {
        let samples = lines.dropFirst().compactMap { try? JSONDecoder().decode(HumanEvalSample.self, from: $0) }
        let problems = Dictionary(grouping: samples, by: \.taskID).values
        return problems.filter { $0.count >= header.samples }.flatMap { $0.suffix(header.samples) }
    }

    func append(_ samples: [HumanEvalSample]) throws {
        try write(samples.map { try JSONText($0).text })
    }

    private var lines: [Data] {
        (FileManager.default.contents(atPath: path) ?? Data()).split(separator: UInt8(ascii: "\n"))
    }

    /// Adds whole lines, in one write.
    private func write(_ lines: [String]) throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HumanEvalError("cannot write \(path): \(String(cString: strerror(errno)))") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            // A line that a crash cut stays a line of its own.
            let contents = FileManager.default.contents(atPath: path) ?? Data()
            let gap = contents.isEmpty || contents.last == UInt8(ascii: "\n") ? "" : "\n"
            try handle.write(contentsOf: Data((gap + lines.joined(separator: "\n") + "\n").utf8))
        } catch {
            throw HumanEvalError("cannot write \(path): \(error.localizedDescription)")
        }
    }
}
