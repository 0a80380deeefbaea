import ArgumentParser

/// The command line: one subcommand a file in `Commands/`.
struct SWEAgent: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "swe-agent",
        abstract: "Takes a goal and a git repository, and hands back a reviewed and tested change.",
        discussion: """
            A model plans the work, writes the code in a sandbox, and is reviewed; the tests run before and after on \
            clones it cannot touch. Settings come from flags, the environment, and .env in the current directory, in \
            this order; .env.example describes them all.

              swe-agent demo                                  see it work, without any key
              swe-agent run --repo . --goal "Fix the tests"   do one task here and now
              swe-agent serve                                 take tasks over HTTP
              swe-agent chat                                  have small programs written, run and fixed
            """,
        version: version,
        subcommands: [
            ServeCommand.self, RunCommand.self, ChatCommand.self, DemoCommand.self, TaskCommand.self, ModelCommand.self,
            EvalCommand.self, DataCommand.self, GraphCommand.self, DoctorCommand.self,
        ])
}
