/// What happens while a coding task goes on, for whoever watches; the journal keeps only what comes of it.
public enum CodingEvent: Sendable {
    /// A stage begins. The reason says what is being fixed.
    case began(CodingStage, attempt: Int, reason: String?)
    /// A piece of the first candidate.
    case code(String)
    /// The model is done.
    case generated(candidates: [String], tokens: Int, seconds: Double)
    /// The candidates were read; so many of them are different programs.
    case checked(candidates: Int, programs: Int, seconds: Double)
    /// Bytes that the program printed, where only one runs.
    case output([UInt8])
    /// The attempt has ended.
    case attempted(CodingAttempt)
    /// Something else that people want to know: a model call is tried again.
    case notice(String)
}
