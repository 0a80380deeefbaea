import Agents
import Foundation
import Testing

struct DiffStatisticsTests {
    @Test func ofRealChanges() async throws {
        try await Git.inTemporaryDirectory { root in
            let repository = try await Git.repository(
                at: root + "/r",
                files: [
                    "changed.txt": "one\ntwo\nthree\n",
                    "dashes.sql": "-- a comment\nselect 1\n",
                    "renamed.txt": (1...20).map { "line \($0)\n" }.joined(),
                    "deleted.txt": "x\ny\n",
                    "run.sh": "true\n",
                    "with space.txt": "a\n",
                    "größe\t\"x\".txt": "a\n",
                    "no newline.txt": "a",
                ])
            try repository.write("changed.txt", "one\n2\nthree\n++ four\n")
            try repository.write("dashes.sql", "select 1\n")
            try repository.write("with space.txt", "b\n")
            try repository.write("größe\t\"x\".txt", "b\n")
            try repository.write("no newline.txt", "b")
            try repository.write("new.bin", String(decoding: [0, 1, 2], as: UTF8.self))
            try repository.write("empty.txt", "")
            try repository.remove("deleted.txt")
            try await repository.git("mv", "renamed.txt", "moved to.txt")
            try await repository.git("update-index", "--chmod=+x", "run.sh")
            try await repository.git("add", ".", "--chmod=+x", ":!run.sh")
            try await repository.git("update-index", "--chmod=+x", "run.sh")
            let patch = Patch(try await repository.git("diff", "--cached", "--binary", "-M"))

            let statistics = patch.statistics
            let byPath = Dictionary(uniqueKeysWithValues: statistics.perFile.map { ($0.path, $0) })
            #expect(byPath["changed.txt"]?.insertions == 2)
            #expect(byPath["changed.txt"]?.deletions == 1)
            #expect(byPath["dashes.sql"]?.deletions == 1)
            #expect(byPath["deleted.txt"]?.kind == .deleted)
            #expect(byPath["deleted.txt"]?.deletions == 2)
            #expect(byPath["moved to.txt"]?.kind == .renamed)
            #expect(byPath["moved to.txt"]?.oldPath == "renamed.txt")
            #expect(byPath["with space.txt"]?.insertions == 1)
            #expect(byPath["größe\t\"x\".txt"]?.insertions == 1)
            #expect(byPath["no newline.txt"]?.deletions == 1)
            #expect(byPath["new.bin"]?.isBinary == true)
            #expect(byPath["new.bin"]?.kind == .added)
            #expect(byPath["empty.txt"]?.kind == .added)
            #expect(byPath["run.sh"]?.kind == .modified)

            let shown = try await repository.git("diff", "--cached", "-M", "--shortstat")
            #expect(
                shown.contains(
                    "\(statistics.files) files changed, \(statistics.insertions) insertions(+), \(statistics.deletions) "
                ))
        }
    }

    @Test func ofPlainDiffsWithoutGitHeaders() {
        let statistics = Patch(
            """
            --- a/x.txt\t2024-01-01
            +++ b/x.txt\t2024-01-02
            @@ -1,2 +1 @@
             keep
            --- looks like a header
            --- /dev/null
            +++ b/y.txt
            @@ -0,0 +1,2 @@
            +a
            +b

            """
        ).statistics
        #expect(statistics.files == 2)
        #expect(statistics.perFile.map(\.kind) == [.modified, .added])
        #expect(statistics.insertions == 2)
        #expect(statistics.deletions == 1)
    }

    @Test(arguments: [
        "", "no diff at all\n", "@@ -1,9999999999999999999999 +1 @@\n+x\n", "diff --git \n", "diff --git \"a\n",
        "+++ \"\\", "--- \"\\9\"\n", "@@ @@\n", "rename to x\n", "diff --git a b\n@@ -1,2 +1,2 @@\n",
    ])
    func hostileTextIsCountedWithoutTrap(_ text: String) {
        #expect(Patch(text).statistics.files <= 1)
    }

    /// Found by fuzzing: counting down from such a number ended the process.
    @Test(arguments: ["-9223372036854775808", "9223372036854775807", "-1", "99999999999999999999"])
    func countsThatCannotBeEndNothing(count: String) {
        let statistics = DiffStatistics(of: Patch("--- a\n+++ b\n@@ -1,5 +1,\(count) @@\n x\n y\n"))
        #expect(statistics.files == 1)
        #expect(statistics.insertions == 0)
    }

    @Test func isCodedWithTotals() throws {
        let statistics = Patch("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n+b\n+c\n").statistics
        let data = try JSONEncoder().encode(statistics)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["files"] as? Int == 1)
        #expect(object["insertions"] as? Int == 2)
        #expect(object["deletions"] as? Int == 1)
        #expect(try JSONDecoder().decode(DiffStatistics.self, from: data) == statistics)
    }

    @Test func patchesSurviveCoding() throws {
        for patch in [Patch("text\n"), Patch([0x66, 0xE4, 0x0A])] {
            let data = try JSONEncoder().encode([patch])
            #expect(try JSONDecoder().decode([Patch].self, from: data) == [patch])
        }
    }
}
