public import Foundation

extension JournalEntry {
    /// The entry as one line of JSON: `seq`, `time` (ISO 8601, UTC), `type`, and what the event has of `key`, `name`,
    /// `detail` and `payload`. This is the journal's format in trajectories and in the event stream.
    public var json: String {
        var members = [
            #""seq":\#(sequence)"#, #""time":"\#(time.formatted(Self.timestamps))""#,
            #""type":"\#(event.kind.rawValue)""#,
        ]
        if let key = event.key { members.append(#""key":\#(Self.quote(key))"#) }
        if let name = event.name { members.append(#""name":\#(Self.quote(name))"#) }
        if let detail = event.detail { members.append(#""detail":\#(Self.quote(detail))"#) }
        if let payload = event.payload { members.append(#""payload":\#(payload.text)"#) }
        return "{\(members.joined(separator: ","))}"
    }

    /// Times in journals and trajectories.
    public static let timestamps = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func quote(_ text: String) -> String {
        // A string is always valid JSON.
        (try? JSONText(text).text) ?? "\"\""
    }
}
