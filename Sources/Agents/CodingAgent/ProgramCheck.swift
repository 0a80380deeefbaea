import LanguageModels
import Workflow

/// What of a generation are programs, as the journal keeps it.
struct ProgramCheck: Codable, Sendable {
    /// The different programs, in the order of the candidates.
    var programs: [ProgramReader.Reading]
    /// The first candidate that is none.
    var rejected: ProgramReader.Reading?
    var seconds: Double
}

extension CodingContext {
    /// Cuts the candidates to programs; where none is one, that is the outcome of the attempt.
    func check(_ state: inout CodingState, _ run: Run) async throws {
        guard let generation = state.generation else { return }
        let attempt = state.attempts.count + 1
        onEvent(.began(.check, attempt: attempt, reason: nil))
        let check: ProgramCheck = try await run.effect("check") {
            try await sandboxes.withSandbox { sandbox, interpreter in
                let start = ContinuousClock.now
                let readings = try await ProgramReader.read(
                    zip(generation.texts, generation.candidates).map { ($0, $1.finish) },
                    as: generation.stub == nil ? .reply : .completion, with: interpreter, in: sandbox)
                var programs: [ProgramReader.Reading] = []
                for reading in readings where reading.problem == nil && !programs.contains(reading) {
                    programs.append(reading)
                }
                return ProgramCheck(
                    programs: programs, rejected: readings.first { $0.problem != nil },
                    seconds: (ContinuousClock.now - start).seconds)
            }
        }
        state.check = check
        let count = generation.candidates.count
        onEvent(.checked(candidates: count, programs: check.programs.count, seconds: check.seconds))
        guard check.programs.isEmpty else { return }
        let failed = CodingAttempt(
            number: attempt, candidates: count, programs: 0, code: check.rejected?.program ?? "", execution: nil,
            failure: check.rejected?.problem ?? "the model wrote nothing",
            seconds: CodingAttempt.Seconds(generate: generation.seconds, check: check.seconds, execute: 0))
        state.attempts.append(failed)
        onEvent(.attempted(failed))
    }
}
