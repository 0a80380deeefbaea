import Foundation
import LocalInference

/// A folder of `Fixtures/Tokenizers`, and what the reference says of it.
struct TokenizerFixture: Decodable {
    struct Text: Decodable {
        var text: String
        var ids: [Int]
        var plain: [Int]
        var decoded: String
        var skipped: String
    }

    struct Chat: Decodable {
        struct Message: Decodable {
            var role: String
            var content: String
        }

        var messages: [Message]
        var prompt: Bool
        var text: String
    }

    var bos: Int?
    var eos: Int?
    var size: Int
    var texts: [Text]
    var chats: [Chat]

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Tokenizers")

    static let names = [
        "codegen", "codegen-pair", "starcoder2", "qwen2", "qwen2-pair", "llama3", "llama31", "deepseek-coder",
        "deepseek-llm", "codellama", "metaspace",
    ]

    /// Reads a tokenizer and what is expected of it.
    static func load(_ name: String) throws -> (fixture: TokenizerFixture, tokenizer: Tokenizer) {
        let folder = Self.folder.appending(path: name)
        let data = try Data(contentsOf: folder.appending(path: "expected.json"))
        return (try JSONDecoder().decode(Self.self, from: data), try Tokenizer(directory: folder))
    }
}
