import LanguageModels

/// One of the APIs that the scripted provider speaks.
protocol ScriptedAPI {
    /// The header the key comes in, and what stands before it.
    static var keyHeader: (name: String, prefix: String) { get }

    /// Reads a request, and checks it as strictly as its API does.
    ///
    /// - Parameter foreignTurns: Whether turns may lack what only this provider's turns have.
    static func read(_ body: JSONValue, path: String, query: String?, foreignTurns: Bool) throws -> ScriptedRequest

    /// Says a turn: a JSON document, or events where the request asks for a stream.
    static func body(of turn: ScriptedTurn, for request: ScriptedRequest) -> String
}

extension ScriptedAPI {
    /// A text in pieces, as streams bring it.
    static func pieces(_ text: String) -> [String] {
        var pieces: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            pieces.append(String(rest.prefix(7)))
            rest = rest.dropFirst(7)
        }
        return pieces
    }
}

extension JSONValue {
    /// A member that must be there.
    func require(_ name: String) throws -> JSONValue {
        guard let member = self[name], member != .null else {
            throw Violation("\(name) is missing in \(json.prefix(200))")
        }
        return member
    }

    func requireString(_ name: String) throws -> String {
        guard let text = try require(name).string else { throw Violation("\(name) is no string") }
        return text
    }

    func requireArray(_ name: String) throws -> [JSONValue] {
        guard let values = try require(name).array else { throw Violation("\(name) is no array") }
        return values
    }
}

/// The calls of the latest turn, which must all be answered, once, before anything else.
struct OpenCalls {
    private var open: [String] = []

    mutating func call(_ id: String) throws {
        try demand(!id.isEmpty, "a tool call has an empty id")
        try demand(!open.contains(id), "the tool call id \(id) is used twice")
        open.append(id)
    }

    mutating func answer(_ id: String) throws {
        guard let index = open.firstIndex(of: id) else {
            throw Violation("\(id) is answered, but was not called or was answered before")
        }
        open.remove(at: index)
    }

    func demandAllAnswered() throws { try demand(open.isEmpty, "tool calls without answer: \(open)") }
}
