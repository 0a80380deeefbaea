/// What a tokenizer is made of, whichever files said so.
struct TokenizerParts {
    var model: BytePairModel
    var normalizer: Normalizer?
    var preTokenizer: PreTokenizer?
    var decoder: TokenDecoder?
    var added = AddedTokens()
    /// The tokens that go before and after a text.
    var prefix: [Int] = []
    var suffix: [Int] = []

    /// The number of a token, whether added or the model's own.
    func id(of token: String) -> Int? {
        added.id(of: token) ?? model.vocabulary.id(of: token)
    }

    /// Adds a token; it gets a number where neither it nor the model has one. One that was added before can only become
    /// special.
    mutating func add(
        _ content: String, id: Int? = nil, isSpecial: Bool, isNormalized: Bool, _ flags: JSONNode? = nil
    ) throws(Flaw) {
        guard !content.isEmpty else { return }
        if added.id(of: content) != nil {
            if isSpecial { added.markSpecial(content, isNormalized: isNormalized, normalizer: normalizer) }
            return
        }
        let next = max(model.vocabulary.endID, added.lastID + 1)
        let id = model.vocabulary.id(of: content) ?? id ?? next
        guard (0..<Vocabulary.maxCount).contains(id) else {
            throw Flaw("the added token \(content.quoted) has the number \(id)")
        }
        added.add(
            AddedTokens.Token(
                id: id, content: content, isSpecial: isSpecial, isSingleWord: flags?["single_word"]?.bool ?? false,
                stripsLeft: flags?["lstrip"]?.bool ?? false, stripsRight: flags?["rstrip"]?.bool ?? false,
                isNormalized: isNormalized),
            normalizer: normalizer)
    }

    /// Adds a token as an object of a file describes it.
    mutating func add(_ node: JSONNode, id: Int?) throws(Flaw) {
        guard let content = node["content"]?.string else { throw Flaw("an added token has no content") }
        let isSpecial = node["special"]?.bool ?? false
        try add(
            content, id: id, isSpecial: isSpecial, isNormalized: node["normalized"]?.bool ?? !isSpecial, node)
    }
}
