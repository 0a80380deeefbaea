import ArgumentParser

/// The flags that set what variables set too.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: """
            The model: ops-4.5, gemini-3.5, openai/ID, gemini/ID, openai-compatible/ID, local/ID or replay/FILE \
            (MODEL_NAME).
            """)
    var model: String?

    @Option(help: "The least important messages to log: trace, debug, info, notice, warning or error (LOG_LEVEL).")
    var logLevel: String?

    @Option(help: "The kubeconfig's context, where tasks run in a cluster (K8S_CONTEXT).")
    var context: String?

    var flags: [Variable: String] {
        [Variable.modelName: model, .logLevel: logLevel, .k8sContext: context].compactMapValues { $0 }
    }
}

/// Limits of a task on the command line.
struct LimitOptions: ParsableArguments {
    @Option(help: "The most model calls.")
    var maxSteps: Int?

    @Option(help: ArgumentHelp("The most seconds that the task may work.", valueName: "seconds"))
    var timeout: Int?

    @Option(help: ArgumentHelp("The most US dollars that model calls may cost.", valueName: "usd"))
    var maxCost: Double?
}

/// What a task is about, on the command line.
struct GoalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What is to be done, in plain words.", valueName: "text"))
    var goal: String

    @Option(help: ArgumentHelp("The branch to begin from; the default branch without it.", valueName: "branch"))
    var baseBranch: String?

    @Option(
        help: ArgumentHelp("The command that runs the tests; found in the repository without it.", valueName: "command")
    )
    var testCommand: String?

    @OptionGroup(title: "Limits")
    var limits: LimitOptions
}
