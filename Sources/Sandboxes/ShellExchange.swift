/// One request to a ``Shell`` and what has come back so far.
struct ShellExchange: Sendable {
    /// What is said to the shell.
    let words: [UInt8]
    /// Whether the answer comes on descriptor 2 and not among the output of commands.
    let isAboutFile: Bool
    /// Whether files may be others after it.
    let changesFiles: Bool
    /// The id of a command that must not run twice. Anything else can be said again to another shell, when nobody knows
    /// how far the first one came.
    let commandID: String?
    private let onOutput: (@Sendable ([UInt8]) -> Void)?
    private var stream: MarkedStream
    private var hasBegun: Bool
    private var output: BoundedOutput
    /// The mark that ends the exchange, when it has come.
    private(set) var end: String?

    /// Runs a command.
    static func command(_ command: SandboxCommand) -> ShellExchange {
        ShellExchange(
            changesFiles: true, commandID: command.id, outputLimit: command.outputLimit, onOutput: command.onOutput
        ) {
            Array(ShellScript.command(command.script, directory: command.directory, id: command.id, word: $0).utf8)
        }
    }

    /// Prepares the shell, has it run some lines, and changes to the first directory that exists.
    static func preparation(_ lines: [String] = [], directories: [String]) -> ShellExchange {
        ShellExchange { Array(ShellScript.prelude(lines, directories: directories, word: $0).utf8) }
    }

    /// Reads at most `count` bytes of a file.
    static func readFile(_ path: String, count: Int) -> ShellExchange {
        ShellExchange(isAboutFile: true, outputLimit: .max) {
            Array(ShellScript.readFile(path, count: count, word: $0).utf8)
        }
    }

    /// Writes a file, with its directory.
    static func writeFile(_ path: String, directory: String, _ contents: [UInt8]) -> ShellExchange {
        ShellExchange(isAboutFile: true, changesFiles: true) {
            ShellScript.writeFile(path, directory: directory, contents, word: $0)
        }
    }

    private init(
        isAboutFile: Bool = false,
        changesFiles: Bool = false,
        commandID: String? = nil,
        outputLimit: Int = 4096,
        onOutput: (@Sendable ([UInt8]) -> Void)? = nil,
        words: (String) -> [UInt8]
    ) {
        let word = String(UInt64.random(in: .min ... .max), radix: 16)
        self.words = words(word)
        self.isAboutFile = isAboutFile
        self.changesFiles = changesFiles
        self.commandID = commandID
        self.onOutput = onOutput
        stream = MarkedStream(word: word)
        hasBegun = !isAboutFile
        output = BoundedOutput(limit: outputLimit)
    }

    /// Takes in bytes that the shell or its commands wrote.
    mutating func receive(_ bytes: [UInt8]) {
        for piece in stream.split(bytes) where end == nil {
            switch piece {
            case .bytes(let bytes) where hasBegun:
                output.append(bytes)
                onOutput?(Array(bytes))
            case .bytes: break
            case .mark(FileAnswer.begin.rawValue): hasBegun = true
            case .mark(let mark): end = mark
            }
        }
    }

    /// The reply, if what has come is enough for one.
    ///
    /// - Parameter shellEnding: How the shell ended, if it has.
    func reply(shellEnding: ShellEnding?) -> ShellReply? {
        let fields = (end ?? "").split(separator: " ", maxSplits: 2).map(String.init)
        let directory = fields.count == 3 ? fields[2] : nil
        if let end, isAboutFile {
            return ShellReply(output: output, answer: FileAnswer(rawValue: end))
        } else if fields.count == 3, fields[0] != "exit" {
            return ShellReply(output: output, exitCode: Int(fields[1]), directory: directory)
        } else if let shellEnding {
            return ShellReply(
                output: output, exitCode: shellEnding.exitCode, directory: directory, shellEnded: true)
        }
        return nil
    }
}

/// How a ``Shell`` ended.
struct ShellEnding: Sendable {
    /// `nil` where it was killed by us, or did not even start.
    var exitCode: Int?
}

/// How a ``ShellExchange`` ended.
struct ShellReply: Sendable {
    var output: BoundedOutput
    /// The exit code of the command; `nil` where the shell was killed.
    var exitCode: Int?
    /// The working directory after the command, where the shell told it.
    var directory: String?
    /// The answer about a file.
    var answer: FileAnswer?
    /// Whether the shell is gone.
    var shellEnded = false
}
