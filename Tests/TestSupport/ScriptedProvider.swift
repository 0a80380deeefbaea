public import AsyncHTTPClient
public import LanguageModels

/// A provider of models on loopback that says what a script tells it to, and checks every request strictly.
///
/// It speaks OpenAI's Chat Completions and Responses and Gemini's generateContent, streaming and not. It answers 400, as
/// the real ones would, and records a violation when a request breaks the rules of its API: a tool call that is not
/// answered exactly once before the next turn, an answer to no call, a missing thought signature or reasoning item, turns
/// that do not alternate, a schema keyword Gemini does not know, a key that is wrong, in the wrong header, or anywhere
/// else as well.
///
/// It holds no state of conversations: a script decides by ``ScriptedRequest/turn``, so any number of conversations can
/// go on at once, and again.
///
/// ```swift
/// try await withScriptedProvider { request in
///     request.turn == 0 ? .turn(calls: [("bash", ["command": "ls"])]) : .turn(text: "Done.")
/// } body: { provider in
///     let model = try ModelCatalog(settings: provider.settings, client: provider.client).model(named: "openai/gpt-5")
///     …
///     #expect(await provider.violations.isEmpty)
/// }
/// ```
public struct ScriptedProvider: Sendable {
    /// Where it listens, such as `http://127.0.0.1:40123`. OpenAI's base URL is this and `/v1`.
    public let url: String
    /// Settings whose models are this provider's, by whichever API.
    public let settings: ModelSettings
    /// Connections for clients of this provider.
    public let client: HTTPClient
    /// Gives an element each time a client goes away from a request that hangs.
    public let abandonments: AsyncStream<Void>

    let log: ScriptedProviderLog

    /// The requests that kept the rules, in the order they came.
    public var requests: [ScriptedRequest] { get async { await log.requests } }
    /// What was wrong with the other requests.
    public var violations: [String] { get async { await log.violations } }
}

/// Runs a scripted provider while `body` runs.
///
/// - Parameters:
///   - key: The key requests must bring; `nil` for a server that wants none.
///   - foreignTurns: Whether conversations may hold turns of other models, which bring neither signatures nor reasoning.
///   - script: Decides what each request is answered.
public func withScriptedProvider<Result: Sendable>(
    key: String? = "sk-scripted-0123456789",
    foreignTurns: Bool = false,
    script: @escaping @Sendable (ScriptedRequest) async -> ScriptedReply,
    body: (ScriptedProvider) async throws -> Result
) async throws -> Result {
    let log = ScriptedProviderLog()
    let (abandonments, abandonmentsSource) = AsyncStream.makeStream(of: Void.self)
    let responder = ScriptedResponder(
        key: key, script: script, foreignTurns: foreignTurns, log: log, onAbandonment: { abandonmentsSource.yield() })
    return try await withLoopbackServer(responder) { port in
        let client = HTTPClient(configuration: ModelHTTPClient.configuration)
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(
                try await body(
                    ScriptedProvider(port: port, key: key, client: client, abandonments: abandonments, log: log)))
        } catch {
            result = .failure(error)
        }
        // Before the server ends: it waits for its clients to go.
        try await client.shutdown()
        return try result.get()
    }
}

extension ScriptedProvider {
    fileprivate init(
        port: Int, key: String?, client: HTTPClient, abandonments: AsyncStream<Void>, log: ScriptedProviderLog
    ) {
        let url = "http://127.0.0.1:\(port)"
        let secret = key.map { Secret($0) }
        self.init(
            url: url,
            settings: ModelSettings(
                openAIKey: secret, openAIBaseURL: url + "/v1", googleKey: secret, geminiBaseURL: url,
                retryPolicy: .never),
            client: client, abandonments: abandonments, log: log)
    }
}

/// What a scripted provider has seen.
actor ScriptedProviderLog {
    private(set) var requests: [ScriptedRequest] = []
    private(set) var violations: [String] = []

    func add(_ request: ScriptedRequest) { requests.append(request) }
    func add(_ violation: Violation) { violations.append(violation.reason) }
}

/// How a request breaks the rules of its API.
struct Violation: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Demands something of a request.
func demand(_ isMet: Bool, _ otherwise: @autoclosure () -> String) throws {
    if !isMet { throw Violation(otherwise()) }
}
