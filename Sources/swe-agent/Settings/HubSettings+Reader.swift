import Foundation
import ModelHub

extension HubSettings {
    /// Reads what Python's tools read, from the same variables and files.
    ///
    /// - Throws: ``SettingsError``.
    init(_ reader: SettingsReader) throws {
        self.init(
            endpoint: try reader.httpURL(.hubEndpoint) ?? Self.usualEndpoint,
            cache: Self.cacheDirectory(reader),
            token: try Self.token(reader),
            isOffline: try reader.flag(.hubOffline, default: false))
    }

    /// Where models are kept.
    static func cacheDirectory(_ reader: SettingsReader) -> String {
        reader.string(.hubCache).map(expanded) ?? home(reader) + "/hub"
    }

    private static func home(_ reader: SettingsReader) -> String {
        if let home = reader.string(.hubHome) { return expanded(home) }
        // The XDG Base Directory Specification takes an empty variable for none.
        let caches = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"] ?? ""
        return expanded(caches.isEmpty ? "~/.cache" : caches) + "/huggingface"
    }

    private static func token(_ reader: SettingsReader) throws -> HubToken? {
        let file = reader.string(.hubTokenPath).map(expanded) ?? home(reader) + "/token"
        let text: String
        if let value = reader.string(.hubToken) {
            text = value
        } else if let data = FileManager.default.contents(atPath: file) {
            text = String(decoding: data.prefix(4096), as: UTF8.self)
        } else {
            return nil
        }
        do {
            return try HubToken(text)
        } catch {
            throw reader.wrong(.hubToken, "\(error)")
        }
    }

    /// A path that may begin with `~` for the home directory.
    private static func expanded(_ path: String) -> String {
        NSString(string: path).expandingTildeInPath
    }
}
