public import Foundation

/// One entry of a run's journal, before it has its place in it.
///
/// A run is nothing but its journal: status, state, logs and results are folds of these entries.
public struct RunEvent: Sendable, Hashable {
    /// What happened.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The run was accepted; the payload is its input.
        case submitted
        /// A process began to execute the run, for the first time or after a restart.
        case started
        /// A node was entered.
        case nodeStarted = "node_started"
        /// A node returned; the payload is the state after it, the detail the next node, or none at the end.
        case nodeFinished = "node_finished"
        /// An effect on the outside world is about to happen.
        case effectStarted = "effect_started"
        /// The effect happened; the payload is its outcome.
        case effectFinished = "effect_finished"
        /// The effect failed for good; the payload is the ``EffectFailure``.
        case effectFailed = "effect_failed"
        /// A line for people; the detail is the line.
        case log
        /// The run waits for a person; the payload is the question.
        case interrupted
        /// A person answered; the payload is the answer.
        case answered
        /// Someone asked for the run to end; the detail says who or why.
        case cancelRequested = "cancel_requested"
        /// The run ended; the detail is the final ``RunStatus``, the payload the result.
        case finished
    }

    public var kind: Kind
    /// What the entry is about: a node visit such as `programmer#2`, or an effect such as `programmer#2/7`.
    public var key: String?
    /// The name of the node or effect.
    public var name: String?
    /// A short text whose meaning the kind gives.
    public var detail: String?
    /// A JSON value whose meaning the kind gives.
    public var payload: JSONText?

    public init(
        _ kind: Kind, key: String? = nil, name: String? = nil, detail: String? = nil, payload: JSONText? = nil
    ) {
        self.kind = kind
        self.key = key
        self.name = name
        self.detail = detail
        self.payload = payload
    }
}

/// A ``RunEvent`` at its place in the journal.
public struct JournalEntry: Sendable, Hashable {
    /// The place in the run's journal, from 1 without gaps.
    public var sequence: Int64
    public var time: Date
    public var event: RunEvent

    public init(sequence: Int64, time: Date, event: RunEvent) {
        self.sequence = sequence
        self.time = time
        self.event = event
    }
}

/// A JSON value kept as its text, so that the journal stores and hands on what it need not understand.
public struct JSONText: Sendable, Hashable {
    public let text: String

    /// Takes a text that is already JSON.
    public init(verbatim text: String) {
        self.text = text
    }

    /// Encodes a value.
    ///
    /// - Parameter keys: How members are named, for formats that write `snake_case`.
    public init(_ value: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .useDefaultKeys) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        encoder.keyEncodingStrategy = keys
        text = String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Decodes the value.
    ///
    /// - Throws: `DecodingError` where the text is not JSON of that type.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

/// Where a run stands.
public enum RunStatus: String, Sendable, Codable, CaseIterable {
    case queued, running
    /// The run waits for a person's answer.
    case waiting
    case completed, failed, cancelled

    /// Whether nothing more will happen.
    public var isFinal: Bool {
        switch self {
        case .queued, .running, .waiting: false
        case .completed, .failed, .cancelled: true
        }
    }

    /// The status after an event; the fold that the index of runs is made by.
    public func after(_ event: RunEvent) -> RunStatus {
        switch event.kind {
        case .submitted, .answered: .queued
        case .started: .running
        case .interrupted: .waiting
        case .finished: event.detail.flatMap(RunStatus.init(rawValue:)) ?? .failed
        default: self
        }
    }
}
