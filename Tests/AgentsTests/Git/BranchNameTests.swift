import Agents
import Sandboxes
import Testing

struct BranchNameTests {
    @Test(arguments: [
        ("Fix the parser's off-by-one", "swe-agent/0f3a9c1d-fix-the-parser-s-off-by-one"),
        ("", "swe-agent/0f3a9c1d"),
        ("   \n\t", "swe-agent/0f3a9c1d"),
        ("日本語だけ", "swe-agent/0f3a9c1d"),
        ("../../etc/passwd; rm -rf ~", "swe-agent/0f3a9c1d-etc-passwd-rm-rf"),
        ("--force @{-1} x.lock ..", "swe-agent/0f3a9c1d-force-1-x-lock"),
        (
            "Add a way to count the words of all the documents at once",
            "swe-agent/0f3a9c1d-add-a-way-to-count-the-words-of-all-the"
        ),
        (
            String(repeating: "a", count: 100) + " b",
            "swe-agent/0f3a9c1d-" + String(repeating: "a", count: 40)
        ),
    ])
    func ofTask(_ goal: String, _ name: String) {
        #expect(BranchName.forTask(id: "0F3A9C1D-4B7E-4A0C-9A64-1C8A7E1F2B3D", goal: goal) == name)
        #expect(BranchName.isValid(name))
    }

    @Test(arguments: ["main", "feature/x", "v1.2", "a@b", "größe", "x-", "swe-agent/1-a"])
    func valid(_ name: String) async throws {
        #expect(BranchName.isValid(name))
        #expect(try await Git.run("check-ref-format", "--branch", name).exitCode == 0)
    }

    @Test(arguments: [
        "", "-x", "-\u{301}x", "HEAD", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "/a", "a/",
        "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\u{7F}", "a\nb",
    ])
    func invalid(_ name: String) async throws {
        #expect(!BranchName.isValid(name))
        #expect(try await Git.run("check-ref-format", "--branch", name).exitCode != 0)
    }
}
