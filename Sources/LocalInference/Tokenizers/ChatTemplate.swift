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
    /// Writes a conversation.
    ///
    /// - Parameter addGenerationPrompt: Whether the beginning of the assistant's next message follows.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true) -> String {
        switch self {
        case .chatML(let defaultSystem):
            var messages = messages
            if let defaultSystem, messages.first?.role != .system {
                messages.insert(ChatMessage(.system, defaultSystem), at: 0)
            }
            return messages.map { "<|im_start|>\($0.role.rawValue)\n\($0.content)<|im_end|>\n" }.joined()
                + (addGenerationPrompt ? "<|im_start|>assistant\n" : "")
        case .llama3(let bos):
            let text = messages.map { Self.llama($0.role, $0.content.trimmed) }.joined()
            return (messages.isEmpty ? "" : bos) + text + (addGenerationPrompt ? Self.llamaPrompt : "")
        case .llama31(let bos, let date):
            var messages = messages[...]
            let system = messages.first?.role == .system ? messages.removeFirst().content.trimmed : ""
            let dates = "Cutting Knowledge Date: December 2023\nToday Date: \(date.text)\n\n"
            return bos + Self.llama(.system, dates + system)
                + messages.map { Self.llama($0.role, $0.content.trimmed) }.joined()
                + (addGenerationPrompt ? Self.llamaPrompt : "")
        case .deepSeekCoder(let bos, let defaultSystem):
            let hasSystem = messages.contains { $0.role == .system }
            let text = messages.map { message in
                switch message.role {
                case .system: message.content
                case .user: "### Instruction:\n\(message.content)\n"
                case .assistant: "### Response:\n\(message.content)\n<|EOT|>\n"
                }
            }
            return bos + (hasSystem ? "" : defaultSystem + "\n") + text.joined()
                + (addGenerationPrompt ? "### Response:\n" : "")
        }
    }

    private static let llamaPrompt = "<|start_header_id|>assistant<|end_header_id|>\n\n"

    private static func llama(_ role: ChatMessage.Role, _ content: String) -> String {
        "<|start_header_id|>\(role.rawValue)<|end_header_id|>\n\n\(content)<|eot_id|>"
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
