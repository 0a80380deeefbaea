import ArgumentParser
import Foundation
import LanguageModels
import LocalInference
import Logging
import ModelHub

/// Which local model a command runs, and how.
struct LocalModelOptions: ParsableArguments {
    @Argument(help: "The id of a model of the hub that is on this machine, or the folder of one.")
    var model: String

    @Option(
        help: ArgumentHelp(
            "How the weights are held in memory: fp32, bf16, int8 or int4 (LOCAL_QUANTIZATION, default int8).",
            valueName: "name"))
    var quantization: String?

    @Option(help: "The threads to compute on (LOCAL_THREADS, default all).")
    var threads: String?

    /// Loads the model.
    ///
    /// - Throws: ``SettingsError`` for a setting that cannot be, ``ProgramError`` for a model that cannot be loaded.
    func load() async throws -> LocalModel {
        let flags = [Variable.localQuantization: quantization, .localThreads: threads].compactMapValues { $0 }
        let reader = try Settings.reader(flags: flags)
        let settings = try LocalModels.Settings(reader)
        var logger = Logger(label: "swe-agent", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = try reader.choice(.logLevel, default: .warning)
        do {
            return try await LocalModel(
                directory: try settings.hub.directory(of: model), options: settings.loading, logger: logger)
        } catch {
            throw ProgramError("\(error)")
        }
    }
}

/// How tokens are chosen, on the command line. The defaults are those of the coding agent.
struct SamplingFlags: ParsableArguments {
    @Flag(help: "Take the most likely token every time.")
    var greedy = false

    @Option(help: "Divides the logits; 0 is greedy.")
    var temperature: Float?

    @Option(help: "Consider only so many of the most likely tokens; 0 for all.")
    var topK: Int = 50

    @Option(help: "Consider only the most likely tokens whose probabilities together reach this.")
    var topP: Float = 0.9

    @Option(help: "Make tokens that were there before less likely, above 1. (default: 1.2, with --greedy 1)")
    var repetitionPenalty: Float?

    @Option(help: "Equal seeds give equal texts; a random one without it.")
    var seed: UInt64?

    func validate() throws {
        if greedy, temperature != nil {
            throw ValidationError("--greedy and --temperature exclude each other")
        }
    }

    var options: SamplingOptions {
        SamplingOptions(
            temperature: greedy ? 0 : temperature ?? 0.1, topK: topK, topP: topP,
            repetitionPenalty: repetitionPenalty ?? (greedy ? 1 : 1.2), seed: seed ?? .random(in: .min ... .max))
    }
}

extension Duration {
    /// For figures.
    var inSeconds: Double { self / .seconds(1) }
}
