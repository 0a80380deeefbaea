import Foundation
import LocalInference
import Testing

/// Tokens are those of Hugging Face's libraries, for each family and both layouts of files.
struct TokenizerTests {
    @Test(arguments: TokenizerFixture.names) func tokensAreTheReferences(name: String) throws {
        let (fixture, tokenizer) = try TokenizerFixture.load(name)
        for expected in fixture.texts {
            #expect(tokenizer.encode(expected.text) == expected.ids, "\(expected.text.debugDescription)")
            #expect(
                tokenizer.encode(expected.text, addSpecialTokens: false) == expected.plain,
                "\(expected.text.debugDescription)")
        }
    }

    @Test(arguments: TokenizerFixture.names) func textsAreTheReferences(name: String) throws {
        let (fixture, tokenizer) = try TokenizerFixture.load(name)
        for expected in fixture.texts {
            let decoded = tokenizer.decode(expected.ids, skipSpecialTokens: false)
            #expect(decoded.utf8.elementsEqual(expected.decoded.utf8), "\(expected.text.debugDescription)")
            let skipped = tokenizer.decode(expected.ids, skipSpecialTokens: true)
            #expect(skipped.utf8.elementsEqual(expected.skipped.utf8), "\(expected.text.debugDescription)")
        }
    }

    @Test(arguments: TokenizerFixture.names) func theEndsOfATextAreTheReferences(name: String) throws {
        let (fixture, tokenizer) = try TokenizerFixture.load(name)
        #expect(tokenizer.bosID == fixture.bos)
        #expect(tokenizer.eosID == fixture.eos)
        #expect(tokenizer.vocabularySize == fixture.size)
        if let eos = fixture.eos { #expect(tokenizer.endIDs.contains(eos)) }
        if name.hasPrefix("qwen2") { #expect(tokenizer.endIDs == [600, 602]) }
    }

    @Test(arguments: TokenizerFixture.names) func aStreamGivesTheSameTextAndNoHalfCharacter(name: String) throws {
        let (fixture, tokenizer) = try TokenizerFixture.load(name)
        for expected in fixture.texts {
            var decoder = tokenizer.makeStreamingDecoder(skipSpecialTokens: false)
            var text = ""
            for id in expected.ids {
                let part = decoder.append(id)
                if !expected.decoded.contains("\u{FFFD}") { #expect(!part.contains("\u{FFFD}")) }
                text += part
            }
            text += decoder.finish()
            #expect(text.utf8.elementsEqual(expected.decoded.utf8), "\(expected.text.debugDescription)")
        }
    }

    @Test func aCharacterOfSeveralTokensComesWhole() throws {
        let (_, tokenizer) = try TokenizerFixture.load("codegen")
        let ids = tokenizer.encode("😀", addSpecialTokens: false)
        try #require(ids.count > 1)
        var decoder = tokenizer.makeStreamingDecoder()
        let parts = ids.map { decoder.append($0) }
        #expect(parts.dropLast().joined() == "")
        #expect(parts.last == "😀")
        // Cut short, it is a replacement character, as in the text of all tokens.
        var cut = tokenizer.makeStreamingDecoder()
        let text = ids.dropLast().map { cut.append($0) }.joined() + cut.finish()
        #expect(text == tokenizer.decode(ids.dropLast()))
    }

    @Test(arguments: TokenizerFixture.names) func anySequenceOfTokensStreamsAsItDecodes(name: String) throws {
        let (_, tokenizer) = try TokenizerFixture.load(name)
        // Byte fallback replaces a whole run of bytes where a later one spoils it; a stream cannot take text back.
        guard !["codellama", "metaspace"].contains(name) else { return }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let ids = (0..<12).map { _ in Int.random(in: 0..<tokenizer.vocabularySize + 3, using: &generator) }
            var decoder = tokenizer.makeStreamingDecoder()
            let text = ids.map { decoder.append($0) }.joined() + decoder.finish()
            #expect(text.utf8.elementsEqual(tokenizer.decode(ids).utf8), "\(ids)")
        }
    }

    @Test(
        arguments: ["codegen", "qwen2", "llama3", "deepseek-llm", "codellama"], [" ", "a", "\n", "'", "é", "1", "  x"])
    func timeIsInProportionToTheText(name: String, unit: String) throws {
        let (_, tokenizer) = try TokenizerFixture.load(name)
        // Quadratic work on these would take minutes.
        let text = String(repeating: unit, count: 30_000) + "x"
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(tokenizer.decode(ids, skipSpecialTokens: false).utf8.count == text.utf8.count)
    }
}

/// The same numbers in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
