/// Why no model can be made from a name: one line that says which variable is bad or missing, and what to write.
public struct ModelNameError: Error, CustomStringConvertible {
    public let message: String
    public var description: String { message }

    static func unknownName(_ name: String) -> ModelNameError {
        let name = Secret.sanitize(name, hiding: nil).prefix(80)
        return ModelNameError(
            message: """
                MODEL_NAME=\(name) is no model known here; write ops-4.5, gemini-3.5, openai/ID, gemini/ID, \
                openai-compatible/ID, local/ID or replay/FILE
                """)
    }
}
