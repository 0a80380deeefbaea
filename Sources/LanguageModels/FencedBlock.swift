/// A fenced code block of Markdown. Source: CommonMark 0.31, 4.5.
struct FencedBlock {
    /// The first word after the opening fence, in lower case.
    var language: String
    /// The lines between the fences, without a line end after the last.
    var body: String

    /// The blocks of a text. One that is not closed is left out: the reply was cut off in it.
    static func blocks(in text: String) -> [FencedBlock] {
        var blocks: [FencedBlock] = []
        var open: (fence: Int, language: String, lines: [Substring])?
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let trimmed = line.drop(while: { $0 == " " })
            let fence = trimmed.prefix(while: { $0 == "`" }).count
            let rest = trimmed.dropFirst(fence)
            if let block = open {
                if fence >= block.fence, rest.allSatisfy(\.isWhitespace) {
                    blocks.append(FencedBlock(language: block.language, body: block.lines.joined(separator: "\n")))
                    open = nil
                } else {
                    open!.lines.append(line)
                }
            } else if fence >= 3, !rest.contains("`") {
                let language = rest.split(whereSeparator: \.isWhitespace).first.map { $0.lowercased() }
                open = (fence, language ?? "", [])
            }
        }
        return blocks
    }
}
