/// The name of a model on the hub: `org/name`, or `name` for a few old ones.
public struct ModelID: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// - Throws: ``ModelHubError`` for what cannot be one.
    public init(_ text: String) throws(ModelHubError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        // The cache writes `/` as `--`, so neither name may have that.
        guard (1...2).contains(parts.count), parts.allSatisfy({ $0.wholeMatch(of: /\w[\w.-]{0,95}/) != nil }),
            text.utf8.count <= 193, text.allSatisfy(\.isASCII), !text.contains("--"), !text.contains("..")
        else {
            throw ModelHubError("“\(text.printable)” is no id of a model; write it as org/name")
        }
        description = text
    }

    /// The folder of the cache that Python's tools use for it.
    var folderName: String { "models--" + description.replacing("/", with: "--") }

    /// The model that a folder of the cache is for.
    init?(folderName: String) {
        guard folderName.hasPrefix("models--") else { return nil }
        try? self.init(String(folderName.dropFirst("models--".count)).replacing("--", with: "/"))
    }
}

/// Which state of a model: a branch, a tag, or a commit.
public struct ModelRevision: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public static let main = try! ModelRevision("main")

    /// - Throws: ``ModelHubError`` for what cannot be one.
    public init(_ text: String) throws(ModelHubError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard text.utf8.count <= 200, !text.contains(".."),
            parts.allSatisfy({ $0.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_.-]*/) != nil })
        else {
            throw ModelHubError("“\(text.printable)” is no revision; write a branch, a tag or a commit")
        }
        description = text
    }

    var isCommit: Bool { description.wholeMatch(of: /[0-9a-f]{40}/) != nil }
}

extension String {
    /// The text on one line, short, without what a terminal obeys: it comes from outside.
    var printable: String {
        var line = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(120) {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                line.append("?")
            default: line.append(scalar)
            }
        }
        return String(line) + (unicodeScalars.count > 120 ? "…" : "")
    }
}
