extension Terminal {
    /// Prints a unified diff, coloured line by line where colours may be used.
    func print(diff: String) {
        var inHunk = false
        for line in diff.printableLines.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("diff --git ") { inHunk = false }
            if line.hasPrefix("@@") { inHunk = true }
            let style: Style =
                switch line.first {
                case "+" where inHunk: .green
                case "-" where inHunk: .red
                case "@" where inHunk: .cyan
                default: inHunk ? .plain : .bold
                }
            print(String(line), style)
        }
    }
}
