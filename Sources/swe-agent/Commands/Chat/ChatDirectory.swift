import Foundation

/// Where chats are kept: the history of what was entered, and a directory for each chat with its journal.
struct ChatDirectory: Sendable {
    private static let sessionsKept = 50

    let path: String

    /// `chat` in the data directory where someone set one, else in the user's state directory
    /// (XDG Base Directory Specification 0.8).
    ///
    /// - Throws: ``SettingsError`` where it cannot be made.
    init(_ reader: SettingsReader, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        let state = variable("XDG_STATE_HOME") ?? (variable("HOME") ?? NSHomeDirectory()) + "/.local/state"
        path =
            reader.string(.data).map {
                URL(filePath: $0).standardizedFileURL.path(percentEncoded: false).trimmingTrailingSlash + "/chat"
            } ?? state + "/swe-agent/chat"
        do {
            try FileManager.default.createDirectory(
                atPath: path + "/sessions", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw SettingsError(
                "cannot make \(path)/sessions: \(error.localizedDescription); set SWE_AGENT_DATA to a writable directory"
            )
        }
    }

    var history: String { path + "/history" }

    /// The sessions, the newest first.
    var sessions: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/sessions")) ?? []
        return names.sorted(by: >).map { "\(path)/sessions/\($0)" }
    }

    /// The directory of a new session; its name sorts by time.
    func newSession() -> String {
        let style = Date.ISO8601FormatStyle(
            dateSeparator: .omitted, timeSeparator: .omitted, includingFractionalSeconds: true)
        let time = Date().formatted(style)
        return "\(path)/sessions/\(time)-\(UUID().uuidString.prefix(8).lowercased())"
    }

    /// Removes the oldest sessions, and what programs left in directories of sessions that nobody has open.
    func removeOld() {
        for (index, session) in sessions.enumerated() where index >= Self.sessionsKept {
            whileUnused(session) { try? FileManager.default.removeItem(atPath: session) }
        }
    }

    /// Runs `body` if no process has the session open.
    private func whileUnused(_ session: String, _ body: () -> Void) {
        let descriptor = open(session + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { body() }
    }
}

extension String {
    fileprivate var trimmingTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()) : self }
}
