internal import Foundation
internal import KubernetesClient

/// The copy of a host's repository in a pod, where no command of the task can write.
struct PodMirror: Sendable {
    let hostPath: String
    /// Where it is in the pod.
    let path: String
    /// What it holds, told by its references: they are few files and change with every commit.
    let state: String
    private let format: String

    /// - Throws: ``SandboxError`` where there is no repository at the path.
    init(_ hostPath: String) throws {
        guard hostPath.hasPrefix("/"), FileManager.default.fileExists(atPath: hostPath) else {
            throw SandboxError(.notFound, "There is no repository at \(hostPath).")
        }
        self.hostPath = hostPath
        path = PodPlan.repositories + "/" + (try SandboxName.checked((hostPath as NSString).lastPathComponent))
        func contents(_ name: String) -> String {
            (try? String(contentsOfFile: "\(hostPath)/\(name)", encoding: .utf8)) ?? ""
        }
        let names = FileManager.default.enumerator(atPath: "\(hostPath)/refs")?.compactMap { $0 as? String } ?? []
        let loose = names.sorted().map { (name: $0, value: contents("refs/\($0)")) }.filter { !$0.value.isEmpty }
        state = contents("packed-refs") + loose.map { "\($0.name) \($0.value)" }.joined()
        format = contents("config").lowercased().contains(/objectformat\s*=\s*sha256/) ? "sha256" : "sha1"
    }

    /// An empty directory will hold a mirror later.
    var hasCommits: Bool { !state.isEmpty }

    /// Sends it by way of a bundle, which is data: nothing of the repository's settings goes along, and no credentials.
    func send(by scripts: PodScripts, bundle: String) async throws {
        defer { try? FileManager.default.removeItem(atPath: bundle) }
        let made = try await HostCommand(
            executable: "git", arguments: ["bundle", "create", "--quiet", bundle, "--all"],
            environment: [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ProgramSearch.defaultPath, "GIT_DIR": hostPath,
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            ], timeout: .seconds(600)
        ).run()
        guard made.succeeded else {
            throw SandboxError(
                .failed, "The repository could not be packed for the pod: \(made.errorOutput.suffix(300))")
        }
        // The clone reads tags from packed-refs, and only branches and tags are of use to it.
        let script = """
            set -e
            export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
            command -v git >/dev/null || {
                echo "the image of the pod has no git; \(PodPlan.advice)" >&2
                exit 96
            }
            rm -rf -- "$0.new"
            git init --quiet --bare --object-format="$2" "$0.new"
            head -c "$1" >"$0.new/bundle"
            cd "$0.new"
            git bundle unbundle bundle >refs.txt
            rm bundle
            while read -r commit name; do
                case $name in refs/*) echo "create $name $commit" ;; esac
            done <refs.txt | git update-ref --stdin
            git pack-refs --all
            rm -rf -- "$0"
            mv -- "$0.new" "$0"
            """
        try await scripts.perform(
            script, name: path, [format], container: PodPlan.keeper, input: .files([bundle]))
    }
}
