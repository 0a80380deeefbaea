import Foundation
import LanguageModels

/// A model call as the journal keeps it; also what a trajectory is replayed from.
struct ModelCall: Codable, Sendable {
    /// The name of the effect that holds one.
    static let effectName = "model"

    var conversation: String
    /// The system prompt, with the first call of a conversation only.
    var system: String?
    /// What was said to the model since its last turn, other than tool results.
    var said: [String]?
    var reply: ModelReply
    /// US dollars; `nil` where the price is not known.
    var costUSD: Double?
    var seconds: Double

    enum CodingKeys: String, CodingKey {
        case conversation, system, said, reply
        case costUSD = "cost_usd"
        case seconds
    }

    /// Reserves budget for a call and makes it.
    ///
    /// - Throws: ``TaskFailure``, or `CancellationError`.
    static func make(
        _ request: ModelRequest, saying said: [String], to model: any LanguageModel, within budget: Budget
    ) async throws -> ModelCall {
        var request = request
        request.maxOutputTokens = try await budget.reserve(request, of: model)
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let reply = try await model.reply(to: request)
            return ModelCall(
                conversation: request.conversation,
                system: request.messages.count == 1 ? request.system : nil,
                said: said.isEmpty ? nil : said,
                reply: reply,
                costUSD: budget.prices.cost(of: reply.usage, model: reply.standIn ?? model.name),
                seconds: (clock.now - start).seconds)
        } catch let error as ModelError {
            throw TaskFailure(.model, "the model \(model.name) failed: \(error.message)")
        }
    }
}

/// A tool call and what came of it, as the journal keeps it.
struct ToolRecord: Codable, Sendable {
    var conversation: String
    var call: ToolCall
    var output: ToolOutput

    init(_ conversation: String, _ call: ToolCall, _ output: ToolOutput) {
        self.conversation = conversation
        self.call = call
        self.output = output
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
