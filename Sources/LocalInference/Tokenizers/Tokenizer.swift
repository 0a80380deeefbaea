public import Foundation

/// Turns text into the numbers that a model reads, and back, exactly as Hugging Face's tokenizers do.
public struct Tokenizer: Sendable {
    private let parts: TokenizerParts
    /// The token that ends a text, where there is one.
    public let eosID: Int?
    /// The token that begins a text, where there is one.
    public let bosID: Int?
    /// All tokens that end a text: ``eosID``, and what the model's generation settings name.
    public let endIDs: Set<Int>
    /// How a conversation is written for the model; `nil` where it is not made for conversations, or in a way that is
    /// unknown.
    public let chatTemplate: ChatTemplate?

    /// Reads `tokenizer.json`, or `vocab.json` and `merges.txt`, and the configuration beside them.
    ///
    /// - Throws: ``CheckpointError``, also for a component that is unknown.
    public init(directory: URL) throws(CheckpointError) {
        let configuration = try TokenizerConfiguration(directory: directory.path)
        let parts = try TokenizerFiles.read(directory: directory.path, configuration)
        self.parts = parts
        eosID = configuration.token("eos_token").flatMap(parts.id(of:))
        bosID = configuration.token("bos_token").flatMap(parts.id(of:))
        endIDs = Set(configuration.endIDs + [eosID].compactMap { $0 })
        chatTemplate = configuration.chatTemplate.flatMap {
            ChatTemplate($0, bos: configuration.token("bos_token") ?? "")
        }
    }

    /// One more than the greatest number of a token.
    public var vocabularySize: Int {
        max(parts.model.vocabulary.endID, parts.added.lastID + 1)
    }

    /// The number of a token by its text as the vocabulary writes it.
    public func id(of token: String) -> Int? {
        parts.id(of: token)
    }

    /// The tokens of a text.
    ///
    /// - Parameter addSpecialTokens: Whether what the model expects around every text is added, such as the token that
    ///   begins one.
    public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int] {
        var tokens = addSpecialTokens ? parts.prefix : []
        let text = Array(text.utf8)
        var isFirst = true
        for piece in parts.added.split(text) {
            switch piece {
            case .token(let id): tokens.append(id)
            case .text(let range): encode(Array(text[range]), isFirst: isFirst, into: &tokens)
            }
            isFirst = false
        }
        return addSpecialTokens ? tokens + parts.suffix : tokens
    }

    /// Encodes what is between tokens that were found in the text as it is.
    private func encode(_ text: [UInt8], isFirst: Bool, into tokens: inout [Int]) {
        var text = text
        if let normalizer = parts.normalizer {
            text = Array(normalizer.normalize(String(decoding: text, as: UTF8.self)).utf8)
        }
        for piece in parts.added.splitNormalized(text) {
            switch piece {
            case .token(let id): tokens.append(id)
            case .text(let range):
                var pieces = [PreTokenizer.Piece(bytes: text[range], isFirst: isFirst && range.lowerBound == 0)]
                if let preTokenizer = parts.preTokenizer { pieces = preTokenizer.apply(to: pieces) }
                for piece in pieces { parts.model.encode(piece.bytes, into: &tokens) }
            }
        }
    }

    /// The text of tokens; bytes that are no UTF-8 become replacement characters, and numbers without a token nothing.
    ///
    /// Spaces before punctuation stay (`clean_up_tokenization_spaces=False`): in code they mean something.
    public func decode(_ ids: [Int], skipSpecialTokens: Bool = true) -> String {
        let texts = ids.compactMap { text(of: $0, skipSpecialTokens: skipSpecialTokens) }
        guard let decoder = parts.decoder else { return texts.joined(separator: " ") }
        return decoder.decode(texts).joined()
    }

    /// Decodes tokens as they come, and never gives out half a character.
    public func makeStreamingDecoder(skipSpecialTokens: Bool = true) -> StreamingDecoder {
        StreamingDecoder(self, skipSpecialTokens: skipSpecialTokens)
    }

    /// A token as the vocabulary writes it; `nil` for one to skip.
    func text(of id: Int, skipSpecialTokens: Bool) -> String? {
        let text =
            parts.added.content(of: id) ?? parts.model.vocabulary.token(id).map { String(decoding: $0, as: UTF8.self) }
        guard let text, !skipSpecialTokens || !parts.added.isSpecial(text.utf8) else { return nil }
        return text
    }

    /// Whether each token is bytes of its own, which follow one another.
    var isByteLevel: Bool {
        if case .byteLevel = parts.decoder { true } else { false }
    }
}
