import Foundation
import LocalInference
import Testing

/// A tokenizer that cannot be used as it says is refused in one line, and none ends the process.
struct HostileTokenizerTests {
    /// A whole file with one member in place of its own.
    private static func file(_ member: String = "", model: String = #""vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]"#)
        -> String
    {
        #"{"model":{"type":"BPE",\#(model)}\#(member.isEmpty ? "" : ",")\#(member)}"#
    }

    static let hostile: [(String, String)] = [
        ("JSON", ""),
        ("JSON", "{"),
        ("no model", "{}"),
        ("nested", #"{"x":"# + String(repeating: "[", count: 200_000)),
        ("nested", #"{"x":"# + String(repeating: #"{"x":"#, count: 200_000)),
        ("twice", file(#""version":1,"normalizer":{"a":1,"a":2}"#)),
        ("“Unigram”", #"{"model":{"type":"Unigram","vocab":{},"merges":[]}}"#),
        ("no byte-pair encoding", #"{"model":{"type":"Unigram","vocab":[["a",0.5]]}}"#),
        ("no vocab", #"{"model":{"type":"BPE","merges":[]}}"#),
        ("no merges", #"{"model":{"type":"BPE","vocab":{"a":0}}}"#),
        ("the number -1", file(model: #""vocab":{"a":-1},"merges":[]"#)),
        ("the number 4611686018427387904", file(model: #""vocab":{"a":4611686018427387904},"merges":[]"#)),
        ("whole number", file(model: #""vocab":{"a":1e99},"merges":[]"#)),
        ("lacks", file(model: #""vocab":{"a":0},"merges":["a b"]"#)),
        ("lacks", file(model: #""merges":["a b"],"vocab":{"a":0,"b":1}"#)),
        ("two parts", file(model: #""vocab":{"a":0},"merges":["a"]"#)),
        ("two parts", file(model: #""vocab":{"a":0},"merges":[["a"]]"#)),
        ("unk_token", file(model: #""vocab":{"a":0},"merges":[],"unk_token":"u""#)),
        ("end_of_word_suffix", file(model: #""vocab":{"a":0},"merges":[],"end_of_word_suffix":"</w>""#)),
        ("at random", file(model: #""vocab":{"a":0},"merges":[],"dropout":0.1"#)),
        ("“BertNormalizer”", file(#""normalizer":{"type":"BertNormalizer"}"#)),
        ("“UnicodeScripts”", file(#""pre_tokenizer":{"type":"UnicodeScripts"}"#)),
        ("“CTC”", file(#""decoder":{"type":"CTC"}"#)),
        ("“BertProcessing”", file(#""post_processor":{"type":"BertProcessing"}"#)),
        ("template", file(#""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]}"#)),
        ("added token", file(#""added_tokens":[{"id":-5,"content":"x"}]"#)),
        ("no content", file(#""added_tokens":[{"id":5}]"#)),
        ("behavior", file(#""pre_tokenizer":{"type":"Split","pattern":{"String":"x"},"behavior":"Else"}"#)),
        ("Metaspace", file(#""pre_tokenizer":{"type":"Metaspace","replacement":"ab"}"#)),
    ]

    static let hostilePatterns = [
        "(", ")", "[", "[a", "a**", "*", "a{5", "a{9999}", "a{3,2}", "(a|b)+", "(?<n>a)", "\\p{Han}", "\\p{L", "\\q",
        "\\1",
        "[a&&b]", "[[a]]", "(?#x)", "\\", "[z-a]", "a+?", String(repeating: "(", count: 3000),
        String(repeating: "a", count: 3000), String(repeating: "a", count: 100_000), "[\\uD800]",
    ]

    private func refusal(_ text: String) throws -> String {
        try withFolder { folder in
            try Data(text.utf8).write(to: folder.appending(path: "tokenizer.json"))
            let error = #expect(throws: CheckpointError.self) { try Tokenizer(directory: folder) }
            return error?.description ?? ""
        }
    }

    @Test(arguments: hostile) func isRefusedInOneLine(word: String, text: String) throws {
        let error = try refusal(text)
        #expect(error.contains(word))
        #expect(error.contains("tokenizer.json"))
        #expect(error.split(whereSeparator: \.isNewline).count == 1)
    }

    @Test(arguments: hostilePatterns) func aPatternThatIsUnknownIsRefused(pattern: String) throws {
        let quoted = String(decoding: try JSONEncoder().encode(pattern), as: UTF8.self)
        let member = #""pre_tokenizer":{"type":"Split","pattern":{"Regex":\#(quoted)},"behavior":"Isolated"}"#
        #expect(try refusal(Self.file(member)).contains("pattern"))
    }

    @Test func aFileThatIsMissingIsNamed() throws {
        try withFolder { folder in
            let none = #expect(throws: CheckpointError.self) { try Tokenizer(directory: folder) }
            #expect(none?.description.contains("neither tokenizer.json nor vocab.json") == true)
            try Data(#"{"a":0}"#.utf8).write(to: folder.appending(path: "vocab.json"))
            let merges = #expect(throws: CheckpointError.self) { try Tokenizer(directory: folder) }
            #expect(merges?.description.contains("lacks merges.txt") == true)
        }
    }

    @Test(arguments: [
        "codegen/tokenizer.json", "codellama/tokenizer.json", "qwen2-pair/merges.txt", "qwen2/tokenizer_config.json",
    ])
    func aDamagedFileIsAnErrorOrATokenizer(name: String) throws {
        var generator = SeededGenerator(seed: 5)
        let source = TokenizerFixture.folder.appending(path: name)
        let original = try Data(contentsOf: source)
        try withFolder { folder in
            let files = try FileManager.default.contentsOfDirectory(
                at: source.deletingLastPathComponent(), includingPropertiesForKeys: nil)
            for other in files where other.lastPathComponent != "expected.json" {
                try FileManager.default.copyItem(at: other, to: folder.appending(path: other.lastPathComponent))
            }
            for round in 0..<60 {
                var damaged = original
                if round % 4 == 0 {
                    damaged = damaged.prefix(Int.random(in: 0..<original.count, using: &generator))
                } else {
                    for _ in 0..<Int.random(in: 1...6, using: &generator) {
                        let index = Int.random(in: 0..<original.count, using: &generator)
                        damaged[index] = UInt8.random(in: .min ... .max, using: &generator)
                    }
                }
                try damaged.write(to: folder.appending(path: source.lastPathComponent))
                do {
                    let tokenizer = try Tokenizer(directory: folder)
                    let ids = tokenizer.encode("def é(x):\n    return '😀' <|endoftext|>\t\t12")
                    _ = tokenizer.decode(ids)
                } catch let error as CheckpointError {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }
}
