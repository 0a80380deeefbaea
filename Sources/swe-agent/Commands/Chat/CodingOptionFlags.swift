import ArgumentParser

/// How programs are generated, on the command line.
struct CodingOptionFlags: ParsableArguments {
    @Option(help: "Candidates at a time (MODEL_SAMPLES); 4 for local base models, else 1.")
    var samples: Int?

    @Option(help: "Sampling temperature (MODEL_TEMPERATURE); hosted models use their own unless it is set.")
    var temperature: Double?

    @Option(help: "Nucleus sampling (MODEL_TOP_P); hosted models use their own unless it is set.")
    var topP: Double?

    @Option(help: "Repetition penalty (MODEL_REPETITION_PENALTY) of local models and compatible servers.")
    var repetitionPenalty: Double?

    @Option(help: "The most new tokens of a candidate (MODEL_MAX_NEW_TOKENS).")
    var maxNewTokens: Int?

    @Option(help: "The seed of local models' sampling, to have the same candidates again.")
    var seed: UInt64?

    var flags: [Variable: String] {
        [
            Variable.modelSamples: samples.map(String.init), .modelTemperature: temperature.map { "\($0)" },
            .modelTopP: topP.map { "\($0)" }, .modelRepetitionPenalty: repetitionPenalty.map { "\($0)" },
            .modelMaxNewTokens: maxNewTokens.map(String.init),
        ].compactMapValues { $0 }
    }
}
