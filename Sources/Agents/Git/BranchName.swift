/// Names of branches.
public enum BranchName {
    /// The branch of a task: `swe-agent/<first 8 of the id>-<goal as a slug>`.
    ///
    /// The slug is at most 40 characters of `a`–`z`, `0`–`9` and single dashes, so the name is a valid ref whatever the
    /// goal says.
    public static func forTask(id: String, goal: String) -> String {
        let shortID = String(id.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(8))
        var words: [Substring] = []
        var length = -1
        for word in goal.lowercased().split(whereSeparator: { !($0.isASCII && ($0.isLetter || $0.isNumber)) }) {
            guard length + 1 + word.count <= 40 else {
                if words.isEmpty { words.append(word.prefix(40)) }
                break
            }
            words.append(word)
            length += 1 + word.count
        }
        return "swe-agent/" + ([Substring(shortID)] + words).filter { !$0.isEmpty }.joined(separator: "-")
    }

    /// Whether git takes the name for a branch, by the rules of `git check-ref-format --branch`.
    public static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        let forbidden = " ~^:?*[\\\u{7F}".utf8
        return !bytes.isEmpty && bytes.count <= 200 && name != "@" && name != "HEAD"
            && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: ".")
            && !bytes.contains("..".utf8) && !bytes.contains("@{".utf8)
            && bytes.allSatisfy { $0 > 0x20 && !forbidden.contains($0) }
            && bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && $0.first != UInt8(ascii: ".") && !$0.suffix(5).elementsEqual(".lock".utf8)
            }
    }
}
