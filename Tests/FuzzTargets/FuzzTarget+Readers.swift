import Agents
import Foundation
import KubernetesClient
import LanguageModels
import LocalInference
import Sandboxes
import TestSupport

extension FuzzTarget {
    /// A URL that is accepted must be one that git reads as we did.
    static let gitURL = FuzzTarget("git-url") { input in
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        guard let url = try? GitURL(text, allowLocalPaths: input.first == UInt8(ascii: "1")) else { return }
        // All of bytes, as git reads them: to Swift a slash and the accent after it are one character.
        let bytes = Array(url.text.utf8)
        require(!bytes.starts(with: "-".utf8) && !url.host.utf8.starts(with: "-".utf8), url.text)
        // What git takes for the name of a program that it is to start.
        require(url.text.prefixMatch(of: /[A-Za-z0-9+.-]+::/) == nil, url.text)
        require(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, url.text)
        require(url.transport != .file || bytes.starts(with: "/".utf8), url.text)
        require(!bytes.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }, url.text)
        // What it says of itself is accepted as well, and as the same.
        let again = try? GitURL(url.text, allowLocalPaths: true)
        require(again?.text == url.text && again?.host == url.host, url.text)
    }

    static let diff = FuzzTarget("diff") { input in
        let statistics = Patch(input).statistics
        require(statistics.insertions >= 0 && statistics.deletions >= 0, "\(statistics)")
        require(statistics.insertions + statistics.deletions <= input.count, "\(statistics)")
    }

    /// File, old and new text, apart by 0xff.
    static let edit = FuzzTarget("edit") { input in
        let parts = input.split(separator: 0xff, maxSplits: 2, omittingEmptySubsequences: false).map(Array.init)
        guard parts.count == 3 else { return }
        let arguments = ToolArguments(
            tool: "edit_file",
            [
                "path": "f", "old_text": .string(String(decoding: parts[1], as: UTF8.self)),
                "new_text": .string(String(decoding: parts[2], as: UTF8.self)),
                "replace_all": .bool(parts[2].count % 2 == 0),
            ])
        let context = ToolContext(sandbox: OneFileSandbox(parts[0]), directory: "/w")
        wait(for: { _ = try? await EditFileTool().call(arguments, in: context) })
    }

    static let toolArguments = FuzzTarget("tool-arguments") { input in
        guard let values = try? JSONDecoder().decode([String: JSONValue].self, from: Data(input)) else { return }
        let arguments = ToolArguments(tool: "t", values)
        for name in values.keys {
            _ = try? arguments.string(name)
            _ = try? arguments.optionalInteger(name)
            _ = try? arguments.flag(name)
        }
        let file = OneFileSandbox(Array("one\ntwo\nthree\n".utf8))
        let context = ToolContext(sandbox: file, directory: "/w")
        wait(for: {
            for tool in [ViewFileTool(), WriteFileTool()] as [any AgentTool] {
                _ = try? await tool.call(arguments, in: context)
            }
        })
    }

    static let taskRequest = FuzzTarget("task-request") { input in
        guard let request = try? JSONDecoder().decode(TaskRequest.self, from: Data(input)) else { return }
        require(BranchName.isValid(BranchName.forTask(id: "0123456789", goal: request.goal)), request.goal)
        _ = try? GitURL(request.repoURL, allowLocalPaths: true)
        _ = request.baseBranch.map(BranchName.isValid)
    }

    static let patch = FuzzTarget("patch") { input in
        guard let patch = try? JSONDecoder().decode(Patch.self, from: Data(input)) else { return }
        _ = patch.statistics
    }

    /// What a hostile repository's tests print, read for counts.
    static let testReport = FuzzTarget("test-report") { input in
        let outcome = CommandOutcome(
            exitCode: 1, output: String(decoding: input, as: UTF8.self), omittedBytes: input.count % 2)
        let report = TestReport(command: "true", outcome: outcome)
        if let counts = report.counts {
            require(min(counts.passed, counts.failed, counts.skipped, counts.errors) >= 0, "\(counts)")
        }
        _ = report.summary
        _ = TestComparison(before: report, after: report)
    }

    static let safetensors = FuzzTarget("safetensors") { readCheckpoint($0, as: "model.safetensors") }
    static let pickle = FuzzTarget("pickle") { readCheckpoint($0, as: "pytorch_model.bin") }

    static let tokenizer = FuzzTarget("tokenizer") { input in
        let folder = inFolder { try Data(input).write(to: $0.appending(path: "tokenizer.json")) }
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let tokenizer = try? Tokenizer(directory: folder) else { return }
        _ = tokenizer.encode("def add(a, b):\n    return a + b  # sum é漢字\u{0}\u{1F600}")
        _ = tokenizer.id(of: "</s>")
    }

    static let replay = FuzzTarget("replay") { input in
        let folder = inFolder { try Data(input).write(to: $0.appending(path: "r.jsonl")) }
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try? ReplayModel(file: folder.appending(path: "r.jsonl"))
    }

    static let kubeconfig = FuzzTarget("kubeconfig") { input in
        let folder = inFolder { try Data(input).write(to: $0.appending(path: "config")) }
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try? ClusterAccess.find(
            environment: ["KUBECONFIG": folder.appending(path: "config").path()], serviceAccount: folder.path())
    }

    private static func readCheckpoint(_ input: [UInt8], as name: String) {
        let folder = inFolder { try Data(input).write(to: $0.appending(path: name)) }
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let checkpoint = try? Checkpoint(directory: folder) else { return }
        for name in checkpoint.names { _ = checkpoint.contains(name) }
    }

    static func makeFolder() -> URL {
        let base = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let folder = URL(filePath: base).appending(path: "fuzz-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            fatalError("\(error)")
        }
        return folder
    }

    private static func inFolder(_ body: (URL) throws -> Void) -> URL {
        let folder = makeFolder()
        do {
            try body(folder)
        } catch {
            fatalError("\(error)")
        }
        return folder
    }

    /// Waits until the body says that it is done; libFuzzer knows no concurrency.
    static func wait(_ body: (_ done: @escaping @Sendable () -> Void) -> Void) {
        let semaphore = DispatchSemaphore(value: 0)
        body { semaphore.signal() }
        semaphore.wait()
    }

    private static func wait(for body: @escaping @Sendable () async -> Void) {
        wait { done in
            Task {
                await body()
                done()
            }
        }
    }
}
