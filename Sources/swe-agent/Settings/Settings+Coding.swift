import Agents
import Sandboxes

extension Settings {
    /// How `chat` and `eval` write programs and run them.
    struct Coding: Sendable {
        /// The Python that runs the programs.
        var interpreter: String
        var seconds: Int
        /// MiB.
        var memory: Int
        var options: CodingOptions
        var sandbox: LocalSandboxSettings
        /// Whether someone said that programs reach the network or not.
        var networkIsChosen: Bool
    }
}

extension Settings.Coding {
    init(_ reader: SettingsReader, sandbox: LocalSandboxSettings) throws {
        interpreter = reader.string(.codeInterpreter, default: "python3")
        guard interpreter.unicodeScalars.allSatisfy({ $0.value >= 32 }), interpreter.first != "-" else {
            throw reader.wrong(.codeInterpreter, "write the name of a Python, such as python3.13, or its path")
        }
        seconds = try reader.integer(.codeTimeout, in: 1...86_400) ?? 60
        memory = try reader.integer(.codeMemory, in: 64...1_048_576) ?? 4096
        options = CodingOptions(
            samples: try reader.integer(.modelSamples, in: 1...100),
            temperature: try reader.number(.modelTemperature, in: 0...2),
            topP: try reader.number(.modelTopP, in: 0.01...1),
            repetitionPenalty: try reader.number(.modelRepetitionPenalty, in: 0.1...10),
            maxNewTokens: try reader.integer(.modelMaxNewTokens, in: 1...1_000_000))
        self.sandbox = sandbox
        self.sandbox.environmentPassthrough = try reader.variableNames(
            .subprocessEnvironment, default: "PATH,LANG,LC_ALL")
        // A program has limits of its own, which can be set higher.
        self.sandbox.limits.memory = nil
        networkIsChosen = reader.string(.sandboxNetwork) != nil
    }
}
