import Foundation
import LanguageModels
public import Workflow

/// The formats that a task's history can be had in.
public enum TrajectoryFormat: String, Sendable, CaseIterable {
    /// Our own: the journal, one JSON object a line. It can be replayed with `MODEL_NAME=replay/FILE`.
    case journal
    /// mini-swe-agent 1.1: one JSON object with all messages.
    case mini
    /// Agent Trajectory Interchange Format 1.7, a sub-agent for each conversation.
    case atif

    public var contentType: String {
        self == .journal ? "application/jsonl" : "application/json"
    }
}

extension TrajectoryFormat {
    /// Writes a task's history.
    ///
    /// - Parameters:
    ///   - id: The task.
    ///   - entries: Its journal, from the beginning.
    ///   - version: The version of swe-agent.
    /// - Throws: `DecodingError` where the journal is not one of a task.
    public func write(_ id: String, _ entries: [JournalEntry], version: String) throws -> String {
        switch self {
        case .journal: entries.map { $0.json + "\n" }.joined()
        case .mini:
            try JSONText(MiniTrajectory(Transcript(id, entries), version: version), keys: .convertToSnakeCase).text
                + "\n"
        case .atif:
            try JSONText(ATIFTrajectory(Transcript(id, entries), version: version), keys: .convertToSnakeCase).text
                + "\n"
        }
    }
}
