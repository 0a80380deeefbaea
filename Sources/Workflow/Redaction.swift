internal import Foundation

/// The secrets that this process knows, to be taken out of whatever it writes, tells or sends to a model.
///
/// One value is made of all settings at the start; journals, logs and models are wrapped with it, so that no code that
/// handles text has to think of keys. Each secret is also found in the forms that it takes on the way: in JSON, in a URL, and
/// in Base64, alone or as the login that git sends.
public struct Redaction: Sendable, CustomStringConvertible, CustomReflectable {
    /// What stands in a secret's place.
    public static let mark = "[secret]"
    /// Shorter ones are left: taking every `test` out of a journal would hide nothing and spoil everything.
    private static let shortest = 8

    /// Longest first, so that of two where one begins with the other none is left in part.
    private let forms: [[UInt8]]

    public init(_ secrets: some Sequence<String> = []) {
        var forms: Set<[UInt8]> = []
        for secret in secrets where secret.utf8.count >= Self.shortest {
            forms.insert(Array(secret.utf8))
            for text in [secret, "x-access-token:\(secret)"] {
                forms.insert(Array(Data(text.utf8).base64EncodedString().utf8))
            }
            if let text = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) {
                forms.insert(Array(text.utf8))
            }
            for slashes in [JSONEncoder.OutputFormatting(), .withoutEscapingSlashes] {
                let encoder = JSONEncoder()
                encoder.outputFormatting = slashes
                guard let json = try? encoder.encode(secret) else { continue }
                forms.insert(Array(json.dropFirst().dropLast()))
            }
        }
        self.forms = forms.sorted { ($0.count, $0.lexicographicKey) > ($1.count, $1.lexicographicKey) }
    }

    public var description: String { "Redaction(of \(forms.count) forms)" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The text without secrets.
    public func callAsFunction(_ text: String) -> String {
        var text = text
        let found = text.withUTF8 { bytes in forms.filter { Self.holds(UnsafeRawBufferPointer(bytes), $0) } }
        if found.isEmpty { return text }
        return String(decoding: Self.replace(found, in: Array(text.utf8)), as: UTF8.self)
    }

    /// The bytes without secrets.
    public func callAsFunction(_ bytes: [UInt8]) -> [UInt8] {
        let found = bytes.withUnsafeBytes { bytes in forms.filter { Self.holds(bytes, $0) } }
        return found.isEmpty ? bytes : Self.replace(found, in: bytes)
    }

    private static func replace(_ forms: [[UInt8]], in bytes: [UInt8]) -> [UInt8] {
        forms.reduce(bytes) { $0.replacing($1, with: Array(mark.utf8)) }
    }

    /// By `memchr` and `memcmp`, as this looks at every byte that is written.
    private static func holds(_ bytes: UnsafeRawBufferPointer, _ form: [UInt8]) -> Bool {
        guard var start = bytes.baseAddress, let first = form.first else { return false }
        let end = start + bytes.count
        while end - start >= form.count, let found = memchr(start, Int32(first), end - start - form.count + 1) {
            if memcmp(found, form, form.count) == 0 { return true }
            start = UnsafeRawPointer(found) + 1
        }
        return false
    }
}

extension [UInt8] {
    fileprivate var lexicographicKey: String { String(decoding: self, as: UTF8.self) }
}
