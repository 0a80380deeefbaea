import LocalInference
import Testing

/// Conversations are written as the Jinja templates of the models write them.
struct ChatTemplateTests {
    @Test(arguments: ["qwen2", "qwen2-pair", "llama3", "llama31", "deepseek-coder"])
    func conversationsAreTheReferences(name: String) throws {
        let (fixture, tokenizer) = try TokenizerFixture.load(name)
        let template = try #require(tokenizer.chatTemplate)
        #expect(!fixture.chats.isEmpty)
        for chat in fixture.chats {
            let messages = chat.messages.compactMap { message in
                ChatMessage.Role(rawValue: message.role).map { ChatMessage($0, message.content) }
            }
            #expect(template.render(messages, addGenerationPrompt: chat.prompt) == chat.text)
        }
    }

    @Test(arguments: ["codegen", "codegen-pair", "starcoder2", "codellama"])
    func aModelThatCompletesTextHasNone(name: String) throws {
        let (_, tokenizer) = try TokenizerFixture.load(name)
        #expect(tokenizer.chatTemplate == nil)
    }
}
