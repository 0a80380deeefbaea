import Agents
import LanguageModels
import Sandboxes
import TestSupport
import Testing

/// `edit_file` on files that are hard to match, held in memory.
@Suite(.timeLimit(.minutes(5)))
struct EditFileTests {
    private func edit(
        _ file: [UInt8], _ old: String, _ new: String, all: Bool = false
    ) async throws -> (file: [UInt8], output: ToolOutput) {
        let files = OneFileSandbox(file)
        let output = try await EditFileTool().call(
            ToolArguments(
                tool: "edit_file",
                ["path": "f", "old_text": .string(old), "new_text": .string(new), "replace_all": .bool(all)]),
            in: ToolContext(sandbox: files, directory: "/w"))
        return (await files.file, output)
    }

    private func edit(_ file: String, _ old: String, _ new: String, all: Bool = false) async throws -> (
        file: String, output: ToolOutput
    ) {
        let (bytes, output) = try await edit(Array(file.utf8), old, new, all: all)
        return (String(decoding: bytes, as: UTF8.self), output)
    }

    @Test(arguments: [
        ("a\r\nb\r\nc\r\n", "a\nb", "x\ny", "x\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc\r\n", "b", "x\ny", "a\r\nx\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc\r\n", "a\r\nb", "x\r\ny", "x\r\ny\r\nc\r\n"),
        ("a\nb\nc\n", "a\r\nb\r\n", "x\n", "x\nc\n"),
        ("a\r\nb\nc\n", "a\nb", "x\ny", "x\ny\nc\n"),
        ("\u{FEFF}a\nb\n", "a", "x", "\u{FEFF}x\nb\n"),
        ("a", "a", "", ""),
        ("a\tb", "a\tb", "$0 \\1 %s", "$0 \\1 %s"),
        ("e\u{301}x", "e", "y", "y\u{301}x"),
        ("👩‍👩‍👧", "👧", "x", "👩‍👩‍x"),
    ])
    func matchesByteForByteWhateverTheLineEnds(_ file: String, _ old: String, _ new: String, _ result: String)
        async throws
    {
        let edited = try await edit(file, old, new)
        #expect(!edited.output.isError)
        #expect(Array(edited.file.utf8) == Array(result.utf8))
    }

    @Test func bytesThatAreNoTextStay() async throws {
        let (file, output) = try await edit([0xFF, 0x61, 0xFE, 0x0A], "a", "b")
        #expect(file == [0xFF, 0x62, 0xFE, 0x0A])
        #expect(!output.isError)
    }

    @Test(arguments: [
        ("aaa", "aa", "found 2 times, at lines 1, 1"),
        ("x\nx\nx\n", "x", "found 3 times, at lines 1, 2, 3"),
        (String(repeating: "x\n", count: 1000), "x", "found 1000 times, at lines 1, 2, 3"),
        ("x", "", "old_text is empty"),
        ("x", "b", "the same"),
        ("", "x", "nothing like it"),
        ("completely\ndifferent\n", "zzzz qqqq", "nothing like it"),
        ("    return a + b\n", "     1\t    return a + b\n", "line numbers"),
    ])
    func refusals(_ file: String, _ old: String, _ reason: String) async throws {
        let edited = try await edit(file, old, "b")
        #expect(edited.output.isError)
        #expect(edited.output.content.contains(reason))
        #expect(edited.file == file)
    }

    @Test(arguments: [
        ("\treturn 1\n", "    return 1\n", "the file is indented with 1 tab, old_text with 4 spaces"),
        ("a\n  b  \nc\n", "a\n  b\nc", "in line 2: at the end of the line"),
        ("a  =  1\n", "a = 1\n", "in line 1: within the line"),
        (
            "x\nalpha beta\ngamma delta\n", "alpha beta\ngamma dolta\n",
            "in line 3:\n  file:     gamma delta\n  old_text: gamma dolta"
        ),
        ("alpha beta\n", "alpha beta\ngamma\n", "The file ends before it"),
        (
            "def total(items):\n    return sum(items)\n", "def total(item):\n    return sum(item)",
            "     1\tdef total(items):"
        ),
    ])
    func theNearestTextIsShown(_ file: String, _ old: String, _ words: String) async throws {
        let edited = try await edit(file, old, "new")
        #expect(edited.output.isError)
        #expect(edited.output.content.contains(words))
    }

    @Test func theNearestTextIsFoundInALargeFile() async throws {
        var lines = (0..<30_000).map { "    value_\($0) = compute(\($0 * 7 % 1000), \"row\")" }
        lines.insert(
            "def the_right_place(argument):\n    result = argument.strip().lower()\n    return result", at: 20_000)
        let edited = try await edit(
            lines.joined(separator: "\n"),
            "def the_right_place(arg):\n    result = arg.strip().lower()\n    return result", "x")
        #expect(edited.output.content.contains(" 20001\tdef the_right_place(argument):"))
    }

    @Test func replacingEverywhereIsBounded() async throws {
        let file = String(repeating: "a", count: 1 << 20)
        let grown = try await edit(file, "a", String(repeating: "b", count: 1 << 12), all: true)
        #expect(grown.output.isError)
        #expect(grown.file == file)
        let doubled = try await edit(file, "aa", "b", all: true)
        #expect(doubled.file == String(repeating: "b", count: 1 << 19))
    }

    /// Texts that make searches quadratic: each of these takes hours if one is.
    @Test func hostileTextsTakeLinearTime() async throws {
        let size = 1 << 20
        let same = String(repeating: "a", count: size)
        #expect(try await edit(same, String(repeating: "a", count: size / 2) + "b", "x").output.isError)
        #expect(try await edit(same, String(repeating: "a", count: size / 2), "x").output.isError)
        let lines = String(repeating: "ab\n", count: size / 3)
        #expect(try await edit(lines, String(repeating: "ab\n", count: size / 6) + "ac\n", "x").output.isError)
        #expect(try await edit(String(repeating: "\n", count: size), "x\n\n\ny", "x").output.isError)
    }

    @Test func randomEditsAgreeWithAPlainSearch() async throws {
        var random = SplitMix(state: 42)
        for _ in 0..<500 {
            let alphabet = Array("ab\n\r \t".utf8)
            func text(_ length: Int) -> String {
                String(decoding: (0..<length).map { _ in alphabet.randomElement(using: &random)! }, as: UTF8.self)
            }
            let file = text(Int.random(in: 0...40, using: &random))
            let old = text(Int.random(in: 1...3, using: &random))
            let new = text(Int.random(in: 0...3, using: &random))
            let edited = try await edit(file, old, new)
            let (bytes, pattern) = (Array(file.utf8), Array(old.utf8))
            let places = bytes.indices.filter { bytes[$0...].starts(with: pattern) }
            if edited.output.isError {
                #expect(edited.file == file)
                #expect(places.count != 1 || old == new)
            } else if let place = places.first {
                #expect(places.count == 1)
                #expect(edited.file.utf8.starts(with: bytes[..<place]))
                #expect(edited.file.utf8.reversed().starts(with: bytes[(place + pattern.count)...].reversed()))
            } else {
                #expect(file.utf8.contains(UInt8(ascii: "\r")) || old.utf8.contains(UInt8(ascii: "\r")))
            }
        }
    }
}

/// Sebastiano Vigna's SplitMix64, for the same numbers in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
