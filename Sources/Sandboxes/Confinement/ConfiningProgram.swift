internal import Foundation

/// What a start of our program does that only confines itself and becomes another program.
enum ConfiningProgram {
    /// Becomes a program.
    static func become(_ program: [String]) -> Never {
        let words = program.map { strdup($0) }
        execv(program[0], words + [nil])
        fail("\(program[0]) cannot be started: \(String(cString: strerror(errno)))")
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("swe-agent: \(message)\n".utf8))
        exit(2)
    }
}
