import ArgumentParser
import Foundation
import LocalInference
import Workflow

struct ModelBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast a local model runs on this machine.",
        discussion: """
            Loads the model, warms up, and continues a prompt of random tokens. What is printed is one JSON object; \
            figures are medians of the runs, rates in tokens a second of all sequences together.
            """)

    enum Sampling: String, CaseIterable, ExpressibleByArgument {
        case greedy
        /// Temperature 0.1, top-p 0.9, repetition penalty 1.2: the coding agent's.
        case guide
    }

    @OptionGroup var local: LocalModelOptions

    @Option(help: ArgumentHelp("The tokens of the prompt.", valueName: "count"))
    var promptTokens = 70

    @Option(help: ArgumentHelp("The tokens of each continuation.", valueName: "count"))
    var newTokens = 256

    @Option(help: ArgumentHelp("The sequences that are continued at once.", valueName: "count"))
    var batch = 1

    @Option(help: "greedy, or guide: temperature 0.1, top-p 0.9, repetition penalty 1.2.")
    var sampling = Sampling.greedy

    @Flag(
        help: """
            Measure prompt lookup instead: the continuation is the prompt again with a few tokens in its middle changed, \
            once without guesses and once with them.
            """)
    var promptLookup = false

    @Option(help: ArgumentHelp("The timed runs.", valueName: "count"))
    var runs = 3

    @Flag(help: "Print nothing but the JSON object, also not on standard error.")
    var json = false

    func validate() throws {
        guard promptTokens > 0, newTokens > 1, runs > 0 else {
            throw ValidationError("a prompt needs a token, a continuation two, and a measurement a run")
        }
    }

    func run() async throws {
        try await withSignals {
            throw ExitCode.interrupted
        } _: {
            do {
                try await measure()
            } catch let error as GenerationError {
                throw ProgramError("\(error)")
            }
        }
    }

    private func measure() async throws {
        let start = ContinuousClock.now
        let model = try await local.load()
        let load = ContinuousClock.now - start
        say("loaded \(local.model) in \(model.quantization.rawValue) in \(rounded(load.inSeconds, 3)) s")
        // Random, and the same in every run of the program.
        var random = BenchmarkNumbers()
        let prompt = (0..<promptTokens).map { _ in Int(random.next() % UInt64(model.configuration.vocabularySize)) }
        var options = GenerationOptions(
            sampling: .greedy, maxNewTokens: min(16, newTokens), samples: batch, ignoresEndTokens: true)
        options.reusesPrefixes = false
        if sampling == .guide {
            options.sampling = SamplingOptions(temperature: 0.1, topP: 0.9, repetitionPenalty: 1.2, seed: 1)
        }
        _ = try await model.generate(tokens: prompt, options: options).completions()
        options.maxNewTokens = newTokens

        var report = Report(
            loadS: rounded(load.inSeconds, 3), model: local.model, quantization: model.quantization.rawValue,
            promptTokens: promptTokens, newTokens: newTokens, batch: batch)
        if promptLookup {
            // What a model that repeats code with a line of it changed would say.
            var continuation = (0..<newTokens).map { prompt[$0 % prompt.count] }
            for index in continuation.indices where index % prompt.count / 8 == prompt.count / 16 {
                continuation[index] = Int(random.next() % UInt64(model.configuration.vocabularySize))
            }
            options.forcedTokens = continuation
        }
        let plain = try await timed(model, prompt, options)
        report.set(plain)
        if promptLookup {
            options.promptLookup = true
            let guessed = try await timed(model, prompt, options)
            report.set(guessed)
            report.lookupSpeedup = rounded(plain.decode / guessed.decode, 2)
            say("prompt lookup: \(report.lookupSpeedup ?? 0) times as fast")
        }
        report.peakRSSMiB = Self.peakMemory() >> 20
        say("prefill \(report.prefillTPS) tokens/s, decode \(report.decodeTPS) tokens/s, \(report.totalS) s in all")
        Terminal.output.write(try JSONText(report).text + "\n")
    }

    /// Seconds of a run's two parts.
    private struct Times {
        var prefill: Double
        var decode: Double
    }

    /// The run of the median length.
    private func timed(_ model: LocalModel, _ prompt: [Int], _ options: GenerationOptions) async throws -> Times {
        var times: [Times] = []
        for _ in 0..<runs {
            let completions = try await model.generate(tokens: prompt, options: options).completions()
            guard let last = completions.max(by: { $0.timings.decode < $1.timings.decode }) else { continue }
            times.append(Times(prefill: last.timings.prefill.inSeconds, decode: last.timings.decode.inSeconds))
        }
        times.sort { $0.prefill + $0.decode < $1.prefill + $1.decode }
        return times[times.count / 2]
    }

    private func say(_ line: String) {
        if !json { Terminal.error.print(line) }
    }

    /// Bytes.
    private static func peakMemory() -> Int {
        var usage = rusage()
        #if os(Linux)
        getrusage(__rusage_who_t(0), &usage)
        return Int(usage.ru_maxrss) << 10
        #else
        getrusage(RUSAGE_SELF, &usage)
        return Int(usage.ru_maxrss)
        #endif
    }

    private struct Report: Encodable {
        var loadS: Double
        var prefillTPS = 0.0
        var decodeTPS = 0.0
        var totalS = 0.0
        var peakRSSMiB = 0
        var model: String
        var quantization: String
        var promptTokens: Int
        var newTokens: Int
        var batch: Int
        var lookupSpeedup: Double?

        init(loadS: Double, model: String, quantization: String, promptTokens: Int, newTokens: Int, batch: Int) {
            self.loadS = loadS
            self.model = model
            self.quantization = quantization
            self.promptTokens = promptTokens
            self.newTokens = newTokens
            self.batch = batch
        }

        enum CodingKeys: String, CodingKey {
            case model, quantization, batch
            case loadS = "load_s"
            case prefillTPS = "prefill_tps"
            case decodeTPS = "decode_tps"
            case totalS = "total_s"
            case peakRSSMiB = "peak_rss_mib"
            case promptTokens = "prompt_tokens"
            case newTokens = "new_tokens"
            case lookupSpeedup = "prompt_lookup_speedup"
        }

        mutating func set(_ times: Times) {
            prefillTPS = rounded(Double(promptTokens) / times.prefill, 1)
            decodeTPS = rounded(Double(batch * (newTokens - 1)) / times.decode, 2)
            totalS = rounded(times.prefill + times.decode, 3)
        }
    }
}

private func rounded(_ number: Double, _ digits: Int) -> Double {
    let factor = pow(10, Double(digits))
    return (number * factor).rounded() / factor
}

/// Numbers that are the same each time (a linear congruential generator with Knuth's constants).
private struct BenchmarkNumbers: RandomNumberGenerator {
    private var state: UInt64 = 7

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
