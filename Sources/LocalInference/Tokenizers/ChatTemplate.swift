internal import Foundation

/// One message of a conversation.
public struct ChatMessage: Sendable, Hashable {
    public enum Role: String, Sendable, Hashable, CaseIterable { case system, user, assistant }

    public var role: Role
    public var content: String

    public init(_ role: Role, _ content: String) {
        self.role = role
        self.content = content
    }
}

/// How a conversation is written for a model that was trained on them.
///
/// A model's files say it as a program in Jinja; these are the families that code models use, told apart by their marks.
public enum ChatTemplate: Sendable, Hashable {
    /// Qwen2.5-Coder and others; `defaultSystem` is said where no system message begins the conversation.
    case chatML(defaultSystem: String?)
    case llama3(bos: String)
    /// Llama 3.1 and later, whose system message tells the date.
    case llama31(bos: String, date: Date)
    /// DeepSeek-Coder instruct.
    case deepSeekCoder(bos: String, defaultSystem: String)

    public enum Date: Sendable, Hashable {
        case fixed(String)
        case today
    }

    /// Tells the family of a template; `nil` for one that is unknown.
    init?(_ template: String, bos: String) {
        if template.contains("<|im_start|>") {
            self = .chatML(defaultSystem: Self.defaultSystem(chatML: template))
        } else if template.contains("<|start_header_id|>") {
            guard template.contains("Cutting Knowledge Date") else {
                self = .llama3(bos: bos)
                return
            }
            self = .llama31(bos: bos, date: template.contains("strftime_now") ? .today : .fixed("26 Jul 2024"))
        } else if template.contains("### Instruction:"), template.contains("<|EOT|>") {
            guard let match = template.firstMatch(of: /\{\{\s*'(You are [^']*?)\\n'\s*\}\}/) else { return nil }
            self = .deepSeekCoder(bos: bos, defaultSystem: String(match.1))
        } else {
            return nil
        }
    }

    private static func defaultSystem(chatML template: String) -> String? {
        let pattern = /<\|im_start\|>system(?:\\n|\n)([^'"{}<]+)<\|im_end\|>/
        return template.firstMatch(of: pattern).map { String($0.1).replacing("\\n", with: "\n") }
    }
}

extension ChatTemplate {
    /// A part of a written conversation.
    struct Segment {
        var text: String
        /// Whether the template has written it, and not somebody in a message.
        var isMarkup: Bool

        static func markup(_ text: String) -> Segment { Segment(text: text, isMarkup: true) }
        static func content(_ text: String) -> Segment { Segment(text: text, isMarkup: false) }
    }

    /// Writes a conversation.
    ///
    /// - Parameter addGenerationPrompt: Whether the beginning of the assistant's next message follows.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true) -> String {
        segments(messages, addGenerationPrompt: addGenerationPrompt).map(\.text).joined()
    }

    func segments(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [Segment] {
        var messages = messages[...]
        switch self {
        case .chatML(let defaultSystem):
            if let defaultSystem, messages.first?.role != .system {
                messages = [ChatMessage(.system, defaultSystem)] + messages
            }
            let turns = messages.flatMap { message -> [Segment] in
                [.markup("<|im_start|>\(message.role.rawValue)\n"), .content(message.content), .markup("<|im_end|>\n")]
            }
            return turns + (addGenerationPrompt ? [.markup("<|im_start|>assistant\n")] : [])
        case .llama3(let bos):
            return (messages.isEmpty ? [] : [.markup(bos)]) + Self.llamaTurns(messages, addGenerationPrompt)
        case .llama31(let bos, let date):
            let system = messages.first?.role == .system ? messages.removeFirst().content : ""
            let dates = "Cutting Knowledge Date: December 2023\nToday Date: \(date.text)\n\n"
            return [.markup(bos + Self.llamaHeader("system") + dates), .content(system.trimmed), .markup("<|eot_id|>")]
                + Self.llamaTurns(messages, addGenerationPrompt)
        case .deepSeekCoder(let bos, let defaultSystem):
            let hasSystem = messages.contains { $0.role == .system }
            let turns = messages.flatMap { message -> [Segment] in
                switch message.role {
                case .system: [.content(message.content)]
                case .user: [.markup("### Instruction:\n"), .content(message.content), .markup("\n")]
                case .assistant: [.markup("### Response:\n"), .content(message.content), .markup("\n<|EOT|>\n")]
                }
            }
            return [.markup(bos + (hasSystem ? "" : defaultSystem + "\n"))] + turns
                + (addGenerationPrompt ? [.markup("### Response:\n")] : [])
        }
    }

    private static func llamaTurns(_ messages: ArraySlice<ChatMessage>, _ addGenerationPrompt: Bool) -> [Segment] {
        messages.flatMap { message -> [Segment] in
            [.markup(llamaHeader(message.role.rawValue)), .content(message.content.trimmed), .markup("<|eot_id|>")]
        } + (addGenerationPrompt ? [.markup(llamaHeader("assistant"))] : [])
    }

    private static func llamaHeader(_ role: String) -> String {
        "<|start_header_id|>\(role)<|end_header_id|>\n\n"
    }
}

extension ChatTemplate.Date {
    /// As `strftime("%d %b %Y")` writes it.
    fileprivate var text: String {
        switch self {
        case .fixed(let text): return text
        case .today:
            let style = Foundation.Date.VerbatimFormatStyle(
                format: "\(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits)",
                locale: Locale(identifier: "en_US_POSIX"), timeZone: .current,
                calendar: Calendar(identifier: .gregorian))
            return style.format(Foundation.Date())
        }
    }
}

extension String {
    /// Jinja's `trim`.
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
