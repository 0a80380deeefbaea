public import Foundation

/// The prices of models, by the start of their names.
///
/// A name is matched with and without its provider (`openai/gpt-4.1-2025-04-14`, `gpt-4.1-2025-04-14`), and the longest
/// entry wins. An entry matches up to the end of a name or a `-`, `@` or `:` in it: `gpt-4` prices `gpt-4-0613`, but
/// neither `gpt-4o` nor `gpt-4.1`. An unknown model has no price, rather than a wrong one.
public struct PriceTable: Sendable, Hashable {
    private var prices: [String: ModelPrice]

    public init(_ prices: [String: ModelPrice]) { self.prices = prices }

    /// The built-in prices, with those of a file put over them.
    ///
    /// The file is one JSON object, prices in US dollars per million tokens:
    ///
    ///     {"gpt-4.1": {"input": 2, "cached_input": 0.5, "output": 8}, "openai-compatible/qwen3": {"input": 0, "output": 0}}
    ///
    /// - Throws: ``PriceFileError``: the file cannot be read, or an entry lacks a price.
    public init(file: URL) throws {
        let own: [String: ModelPrice]
        do {
            own = try JSONDecoder().decode([String: ModelPrice].self, from: Data(contentsOf: file))
        } catch let error as DecodingError {
            throw PriceFileError(
                message: """
                    the price file \(file.path()): \(error.place); write \
                    {"MODEL": {"input": 2, "cached_input": 0.5, "output": 8}}, in US dollars per million tokens
                    """)
        } catch {
            throw PriceFileError(message: "cannot read the price file \(file.path()): \(error.localizedDescription)")
        }
        prices = Self.builtIn.prices.merging(own) { _, own in own }
    }

    /// The price of a model; `nil` where the table does not know it.
    ///
    /// A model of this process costs nothing, unless the table says otherwise.
    public func price(of model: String) -> ModelPrice? {
        let bare = model.firstIndex(of: "/").map { slash in
            ["openai", "gemini", "models"].contains(model[..<slash]) ? model[slash...].dropFirst() : model[...]
        }
        let names = [model[...], bare ?? model[...]]
        return prices.filter { entry in names.contains { $0.isPriced(by: entry.key) } }
            .max { $0.key.count < $1.key.count }?.value
            ?? (model.hasPrefix("local/") ? ModelPrice(input: 0, output: 0) : nil)
    }

    /// What a request cost, in US dollars; `nil` where the model's price is unknown.
    public func cost(of usage: TokenUsage, model: String) -> Double? {
        price(of: model)?.cost(of: usage)
    }

    /// The most a request may cost, in US dollars, before it is made: every three bytes of it counted as a token, none of
    /// them cached, and a reply as long as it may be. `nil` where the model's price is unknown.
    public func reserve(for request: ModelRequest, model: String) -> Double? {
        cost(
            of: TokenUsage(inputTokens: request.estimatedInputTokens, outputTokens: request.maxOutputTokens),
            model: model)
    }
}

/// Why a price file cannot be used, in one line.
public struct PriceFileError: Error, CustomStringConvertible {
    public let message: String
    public var description: String { message }
}

extension Substring {
    fileprivate func isPriced(by entry: String) -> Bool {
        guard hasPrefix(entry) else { return false }
        return dropFirst(entry.count).first.map { "-@:".contains($0) } ?? true
    }
}

extension ModelRequest {
    /// An upper estimate of the prompt's tokens: a token of text or code has about four bytes, and seldom less than three.
    public var estimatedInputTokens: Int {
        let toolBytes = tools.reduce(0) { $0 + $1.name.utf8.count + $1.description.utf8.count + $1.parameters.bytes }
        let messageBytes = messages.reduce(0) { $0 + $1.bytes }
        return (system.utf8.count + toolBytes + messageBytes) / 3 + 1
    }
}

extension Message {
    fileprivate var bytes: Int {
        switch self {
        case .user(let text):
            text.utf8.count + 8
        case .assistant(let turn):
            turn.providerState?.bytes ?? turn.text.utf8.count
                + turn.toolCalls.reduce(8) { $0 + $1.name.utf8.count + JSONValue.object($1.arguments.object).bytes }
        case .toolResults(let results):
            results.reduce(0) { $0 + $1.content.utf8.count + $1.name.utf8.count + 16 }
        }
    }
}

extension JSONValue {
    /// About as many bytes as the value's JSON has.
    fileprivate var bytes: Int {
        switch self {
        case .null, .bool: 5
        case .integer, .number: 8
        case .string(let text): text.utf8.count + 2
        case .array(let values): values.reduce(2) { $0 + $1.bytes + 1 }
        case .object(let members): members.reduce(2) { $0 + $1.key.utf8.count + $1.value.bytes + 4 }
        }
    }
}
