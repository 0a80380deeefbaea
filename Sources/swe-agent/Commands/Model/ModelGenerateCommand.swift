import ArgumentParser
import Foundation
import LocalInference
import Workflow

struct ModelGenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Continue a text with a local model.",
        discussion: """
            The text streams to standard output as it is generated. The prompt is continued as it is, without a chat \
            template; without --prompt it is read from standard input. Ctrl-C ends it before the next token.

            Exit codes: 0 done, 1 failed, 2 wrong use or settings, 130 interrupted.
            """)

    @OptionGroup var local: LocalModelOptions

    @Option(help: "The text to continue.")
    var prompt: String?

    @OptionGroup(title: "Sampling")
    var sampling: SamplingFlags

    @Option(help: ArgumentHelp("The most tokens of a continuation.", valueName: "count"))
    var maxNewTokens = 256

    @Option(help: ArgumentHelp("End before this text; may be repeated.", valueName: "text"))
    var stop: [String] = []

    @Option(help: ArgumentHelp("How many continuations to make, in one batch.", valueName: "count"))
    var samples = 1

    @Flag(help: "Guess tokens from the text so far; the outcome is the same, sooner where the text repeats.")
    var promptLookup = false

    @Flag(help: "Print nothing but one JSON object: texts, token ids and timings.")
    var json = false

    func run() async throws {
        let options = GenerationOptions(
            sampling: sampling.options, maxNewTokens: maxNewTokens, stop: stop, samples: samples,
            promptLookup: promptLookup)
        let text = try prompt ?? Self.standardInput()
        try await withSignals {
            throw ExitCode.interrupted
        } _: {
            let start = ContinuousClock.now
            let model = try await local.load()
            let loaded = ContinuousClock.now
            do {
                let tokens = model.tokenizer.encode(text)
                let generation = try await model.generate(tokens: tokens, options: options)
                let completions = try await show(generation)
                guard json else { return }
                let report = Report(
                    model: local.model, quantization: model.quantization.rawValue, promptTokenIDs: tokens,
                    samples: completions, seed: options.sampling.seed, load: loaded - start, total: .now - start)
                Terminal.output.write(try JSONText(report).text + "\n")
            } catch let error as GenerationError {
                if case .invalidOption = error { throw SettingsError("\(error)") }
                throw ProgramError("\(error)")
            }
        }
    }

    private static func standardInput() throws -> String {
        guard let data = try FileHandle.standardInput.readToEnd(), !data.isEmpty else {
            throw SettingsError("there is no prompt: write --prompt TEXT, or pass it on standard input")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw SettingsError("the prompt on standard input is not UTF-8")
        }
        return text
    }

    /// Streams the text; several samples one after another, as each ends.
    private func show(_ generation: Generation) async throws -> [Completion] {
        var completions: [Completion] = []
        for try await element in generation {
            switch element {
            case .text(let text, _):
                if !json, samples == 1 { write(text) }
            case .end(let completion):
                completions.append(completion)
                if !json, samples > 1 {
                    Terminal.output.print("--- sample \(completion.sample + 1)", .dim)
                    write(completion.text + "\n")
                }
            }
        }
        if !json, samples == 1 { Terminal.output.print() }
        return completions.sorted { $0.sample < $1.sample }
    }

    /// A terminal is not made to obey what a model writes.
    private func write(_ text: String) {
        Terminal.output.write(Terminal.output.isInteractive ? text.printableLines : text)
    }

    /// What `--json` prints.
    private struct Report: Encodable {
        struct Sample: Encodable {
            var text: String
            var tokenIDs: [Int]
            var ending: String
            var prefillS: Double
            var decodeS: Double
            var passes: Int

            enum CodingKeys: String, CodingKey {
                case text, ending, passes
                case tokenIDs = "token_ids"
                case prefillS = "prefill_s"
                case decodeS = "decode_s"
            }
        }

        var model: String
        var quantization: String
        var promptTokenIDs: [Int]
        var seed: UInt64
        var samples: [Sample]
        var loadS: Double
        var totalS: Double

        enum CodingKeys: String, CodingKey {
            case model, quantization, seed, samples
            case promptTokenIDs = "prompt_token_ids"
            case loadS = "load_s"
            case totalS = "total_s"
        }

        init(
            model: String, quantization: String, promptTokenIDs: [Int], samples: [Completion], seed: UInt64,
            load: Duration, total: Duration
        ) {
            self.model = model
            self.quantization = quantization
            self.promptTokenIDs = promptTokenIDs
            self.seed = seed
            self.samples = samples.map {
                Sample(
                    text: $0.text, tokenIDs: $0.tokens, ending: $0.ending.rawValue,
                    prefillS: $0.timings.prefill.inSeconds, decodeS: $0.timings.decode.inSeconds,
                    passes: $0.timings.passes)
            }
            loadS = load.inSeconds
            totalS = total.inSeconds
        }
    }
}
