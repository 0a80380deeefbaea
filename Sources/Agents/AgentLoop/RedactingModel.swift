public import LanguageModels
public import Workflow

/// A model that is never told a secret, whatever found its way into a prompt or a tool's output.
public struct RedactingModel: LanguageModel {
    private let model: any LanguageModel
    private let redact: Redaction

    public init(_ model: any LanguageModel, _ redact: Redaction) {
        self.model = model
        self.redact = redact
    }

    public var name: String { model.name }
    public var capabilities: ModelCapabilities { model.capabilities }

    public func reply(
        to request: ModelRequest, onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws -> ModelReply {
        var request = request
        request.system = redact(request.system)
        request.messages = request.messages.map { message in
            switch message {
            case .user(let text): .user(redact(text))
            // What the model said itself came from it; its arguments go back as it wrote them.
            case .assistant: message
            case .toolResults(let results):
                .toolResults(
                    results.map { result in
                        var result = result
                        result.content = redact(result.content)
                        return result
                    })
            }
        }
        return try await model.reply(to: request, onDelta: onDelta)
    }
}
