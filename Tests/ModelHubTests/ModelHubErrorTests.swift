import ModelHub
import Testing

@Suite struct ModelHubErrorTests {
    @Test func readsAsItsSentence() {
        #expect("\(ModelHubError("No such model."))" == "No such model.")
    }
}
