internal import Foundation

/// Where models come from and where they are kept.
public struct HubSettings: Sendable {
    /// The address of the hub, without a slash at its end.
    public var endpoint: String
    /// The folder that Python's tools call `HF_HUB_CACHE`.
    public var cache: String
    public var token: HubToken?
    /// Whether the hub must not be asked.
    public var isOffline: Bool

    public static let usualEndpoint = "https://huggingface.co"

    public init(
        endpoint: String = usualEndpoint, cache: String, token: HubToken? = nil, isOffline: Bool = false
    ) {
        self.endpoint = endpoint
        self.cache = cache
        self.token = token
        self.isOffline = isOffline
    }
}

/// A token for the hub; it does not show itself, and is revealed for one header only.
public struct HubToken: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    /// `nil` for what is no token: nothing, or the placeholder of a copied example.
    ///
    /// - Throws: ``ModelHubError`` for a text that cannot stand in a header.
    public init?(_ text: String) throws(ModelHubError) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text != "<HF_TOKEN>" else { return nil }
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ModelHubError("write the token as the hub shows it, without spaces or line breaks")
        }
        value = text
    }

    func reveal() -> String { value }

    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
