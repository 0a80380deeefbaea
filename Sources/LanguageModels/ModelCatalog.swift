public import AsyncHTTPClient
import Foundation
import LocalInference
public import Logging
import ModelHub

/// Makes models from the names that `MODEL_NAME` takes:
///
/// | name | model |
/// | --- | --- |
/// | `ops-4.5` | an OpenAI model, see ``ModelSettings/opsModel`` |
/// | `gemini-3.5` | a Gemini model, see ``ModelSettings/geminiModel`` |
/// | `openai/ID` | the OpenAI model of that id |
/// | `gemini/ID` | the Gemini model of that id |
/// | `openai-compatible/ID` | a model of the server at `OPENAI_BASE_URL` |
/// | `local/ID` | the model of that hub id or folder, run inside this process, see ``LocalLanguageModel`` |
/// | `replay/FILE` | the replies recorded in a file, see ``ReplayModel`` |
///
/// To add a provider, add a case to `Provider` and what the compiler then asks for.
public struct ModelCatalog: Sendable {
    private let settings: ModelSettings
    private let http: ModelHTTPClient
    /// The models that run inside this process; all copies of the catalog share them.
    public let localModels: LocalModels?

    /// - Parameters:
    ///   - client: The connections, made with ``ModelHTTPClient/configuration``. Whoever made it shuts it down.
    ///   - logger: Where models that are loaded into this process tell of it.
    public init(
        settings: ModelSettings, client: HTTPClient, logger: Logger = Logger(label: "local-inference")
    ) {
        self.settings = settings
        self.http = ModelHTTPClient(client: client, timeout: settings.timeout, idleTimeout: settings.idleTimeout)
        localModels = settings.local.map { LocalModels(settings: $0, logger: logger) }
    }

    /// The model of a name: the provider, inside the text protocol if that is wanted, inside retries, with the models of
    /// ``ModelSettings/fallbacks`` to stand in. A recording has no stand-ins.
    ///
    /// - Parameter onRetry: Called with one line before each pause and each change to another model: what failed, and what
    ///   comes next.
    /// - Throws: ``ModelNameError``
    public func model(
        named name: String,
        onRetry: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> any LanguageModel {
        let model = try retrying(name, onRetry)
        let standIns = try settings.fallbacks.filter { $0 != name }.map { try retrying($0, onRetry) }
        guard !standIns.isEmpty, !(model is ReplayModel) else { return model }
        return FallbackModel(model, standIns: standIns, onFallback: onRetry)
    }

    private func retrying(_ name: String, _ onRetry: @escaping @Sendable (String) -> Void) throws -> any LanguageModel {
        var model = try provider(named: name)
        if model is ReplayModel { return model }
        if settings.textProtocol || !model.capabilities.toolCalling { model = TextProtocolModel(model) }
        return RetryingModel(model, policy: settings.retryPolicy, onRetry: onRetry)
    }

    /// The model of a name as it is, if it continues texts; `nil` for every other.
    ///
    /// - Throws: ``ModelNameError``
    public func completingModel(named name: String) throws -> (any CompletingModel)? {
        try provider(named: name) as? any CompletingModel
    }

    /// Checks that a model can be made, without asking it anything.
    ///
    /// - Throws: ``ModelNameError``
    public func validate(_ name: String) throws { _ = try provider(named: name) }

    private enum Provider: String, CaseIterable {
        case openAI = "openai"
        case gemini
        case openAICompatible = "openai-compatible"
        case local
        case replay
    }

    private func provider(named name: String) throws -> any LanguageModel {
        switch name {
        case "ops-4.5": return try openAI(id: settings.opsModel)
        case "gemini-3.5": return try gemini(id: settings.geminiModel)
        default: break
        }
        let parts = name.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let provider = Provider(rawValue: String(parts[0])) else {
            throw ModelNameError.unknownName(name)
        }
        let id = String(parts[1])
        switch provider {
        case .openAI: return try openAI(id: id)
        case .gemini: return try gemini(id: id)
        case .openAICompatible: return try openAICompatible(id: id)
        case .local: return try local(id: id)
        case .replay:
            do {
                return try ReplayModel(file: URL(filePath: id))
            } catch let error as ReplayFileError {
                throw ModelNameError(message: "MODEL_NAME: \(error.message)")
            }
        }
    }

    private func openAI(id: String) throws -> any LanguageModel {
        let key = try checkedKey(settings.openAIKey, variable: "OPENAI_API_KEY", example: "sk-...")
        let baseURL = settings.openAIBaseURL ?? OpenAIChatModel.defaultBaseURL
        return try openAI(id: id, name: "openai/\(id)", baseURL: baseURL, key: key)
    }

    private func openAICompatible(id: String) throws -> any LanguageModel {
        guard let baseURL = settings.openAIBaseURL else {
            throw ModelNameError(
                message: """
                    OPENAI_BASE_URL is not set; write OPENAI_BASE_URL=http://localhost:8000/v1 (your server's address) in \
                    .env or the environment, or choose another MODEL_NAME
                    """)
        }
        let key = try settings.openAIKey.map {
            try checkedKey($0, variable: "OPENAI_API_KEY", example: "sk-...")
        }
        return try openAI(id: id, name: "openai-compatible/\(id)", baseURL: baseURL, key: key)
    }

    private func openAI(id: String, name: String, baseURL: String, key: Secret?) throws -> any LanguageModel {
        try checkID(id, allowed: "._:/@-")
        let baseURL = try checkedURL(baseURL, variable: "OPENAI_BASE_URL", example: OpenAIChatModel.defaultBaseURL)
        return switch settings.openAIAPI {
        case .chat:
            OpenAIChatModel(
                id: id, name: name, baseURL: baseURL, key: key, http: http, streaming: settings.streaming)
        case .responses:
            OpenAIResponsesModel(
                id: id, name: name, baseURL: baseURL, key: key, http: http, streaming: settings.streaming)
        }
    }

    private func local(id: String) throws -> any LanguageModel {
        guard let local = settings.local, let localModels else { throw ModelNameError.unknownName("local/\(id)") }
        do {
            let configuration = try ModelConfiguration(directory: local.hub.directory(of: id))
            return LocalLanguageModel(id: id, configuration: configuration, models: localModels)
        } catch {
            throw ModelNameError(message: "MODEL_NAME: \(error)")
        }
    }

    private func gemini(id: String) throws -> any LanguageModel {
        try checkID(id, allowed: "._-")
        return GeminiModel(
            id: id,
            baseURL: try checkedURL(
                settings.geminiBaseURL ?? GeminiModel.defaultBaseURL, variable: "GEMINI_BASE_URL",
                example: GeminiModel.defaultBaseURL),
            key: try checkedKey(settings.googleKey, variable: "GOOGLE_API_KEY", example: "AIza..."),
            http: http, streaming: settings.streaming)
    }

    // MARK: Checks

    /// A key that is there and could be one. Its value never gets into the error.
    private func checkedKey(_ key: Secret?, variable: String, example: String) throws -> Secret {
        let value = key?.reveal() ?? ""
        if value.isEmpty || value == example || value.hasPrefix("<") {
            throw ModelNameError(
                message: """
                    \(variable) is not set; write \(variable)=\(example) in .env or the environment, \
                    or choose another MODEL_NAME
                    """)
        }
        guard value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ModelNameError(
                message: """
                    \(variable) holds a character that no key has, such as a space or a line break; \
                    write \(variable)=\(example) with the key alone
                    """)
        }
        return Secret(value)
    }

    private func checkedURL(_ text: String, variable: String, example: String) throws -> String {
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host()?.isEmpty == false,
            url.user() == nil, url.query() == nil, url.fragment() == nil
        else {
            throw ModelNameError(message: "\(variable) is not the address of a server; write \(variable)=\(example)")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private func checkID(_ id: String, allowed: String) throws {
        let isKnown = { (c: Character) in c.isASCII && (c.isLetter || c.isNumber || allowed.contains(c)) }
        guard !id.isEmpty, id.allSatisfy(isKnown), !id.contains("..") else {
            throw ModelNameError(
                message: "MODEL_NAME names the model “\(id.prefix(80))”, which is no model's id; write the id alone")
        }
    }
}
