import Foundation
import NIOCore

/// What is posted to a provider. The key travels in one header, and nowhere else.
struct ModelHTTPRequest: Sendable {
    enum KeyHeader {
        /// `Authorization: Bearer …`, as OpenAI and its likes want it.
        case bearer
        /// `x-goog-api-key: …`; Google also takes the key in the URL, where logs and proxies would see it.
        case google
    }

    let url: String
    let body: ByteBuffer
    let key: Secret?
    let keyHeader: KeyHeader

    init(url: String, key: Secret?, in keyHeader: KeyHeader, body: JSONValue) {
        self.url = url
        self.key = key
        self.keyHeader = keyHeader
        self.body = ByteBuffer(bytes: body.jsonBytes)
    }

    /// The header that holds the key.
    var credential: (name: String, value: String)? {
        guard let key else { return nil }
        return switch keyHeader {
        case .bearer: ("authorization", "Bearer " + key.reveal())
        case .google: ("x-goog-api-key", key.reveal())
        }
    }

    /// The provider as errors name it, such as `api.openai.com` or `127.0.0.1:8000`.
    var host: String {
        guard let url = URL(string: url), let host = url.host() else { return "the provider" }
        return url.port.map { "\(host):\($0)" } ?? host
    }
}
