public import Foundation
import Sandboxes

/// Git on the host: mirrors of remote repositories, commits made from patches, and pushes.
///
/// Repositories are hostile. Git here never has a work tree, reads no settings but the ones given on each call, runs no
/// hooks, asks no questions, and speaks only the protocol of the URL it was given. The token reaches git over a pipe.
public struct GitClient: Sendable {
    /// Who authors and commits.
    public struct Identity: Sendable, Hashable {
        public var name: String
        public var email: String

        public init(name: String, email: String) {
            self.name = name
            self.email = email
        }
    }

    private let executable: String
    private let credential: GitCredential?
    private let remoteHosts: RemoteHosts
    private let taskDirectory: String?
    /// The most bytes that a clone may take; `nil` for any number.
    let cloneLimit: Int?
    private let networkTimeout: Duration
    private let localTimeout: Duration
    private let hostEnvironment: [String: String]
    private let owner: String?
    let identity: Identity

    /// - Parameters:
    ///   - executable: The git program: a path, or a name to look for in `PATH`. Git 2.32 or newer.
    ///   - identity: Author and committer of commits.
    ///   - credential: The login for HTTP remotes, if there is one.
    ///   - remoteHosts: The hosts that repositories may be on.
    ///   - taskDirectory: Where tasks write: no repository in it is opened on the host, whose git would run its hooks.
    ///   - cloneLimit: The most bytes that a clone may take on the disk; `nil` for any number.
    ///   - networkTimeout: How long a clone, push or look at a remote may take.
    ///   - localTimeout: How long making a commit may take.
    ///   - environment: What the service was started with. Only the path, proxies, certificates and the SSH agent are used.
    ///   - owner: The data directory that git works for; see ``killLeftovers()``.
    public init(
        executable: String = "git",
        identity: Identity,
        credential: GitCredential? = nil,
        remoteHosts: RemoteHosts = RemoteHosts(),
        taskDirectory: String? = nil,
        cloneLimit: Int? = nil,
        networkTimeout: Duration = .seconds(600),
        localTimeout: Duration = .seconds(120),
        environment: [String: String] = ProcessInfo.processInfo.environment,
        owner: String? = nil
    ) {
        self.executable = executable
        self.identity = identity
        self.credential = credential
        self.remoteHosts = remoteHosts
        self.taskDirectory = taskDirectory
        self.cloneLimit = cloneLimit
        self.networkTimeout = networkTimeout
        self.localTimeout = localTimeout
        self.hostEnvironment = environment
        self.owner = owner
    }

    /// Ends what git of a service that was killed still does for the same data directory, before it is done again.
    public func killLeftovers() {
        if let owner { HostCommand.killAll(ownedBy: owner) }
    }
}

extension GitClient {
    /// Runs git on a remote repository, with the credential at hand where the URL's host may have it.
    func runRemote(_ arguments: [String], url: GitURL, repository: String? = nil) async throws -> HostCommandOutcome {
        var environment = baseEnvironment(repository: repository)
        environment["GIT_ALLOW_PROTOCOL"] = url.transport.rawValue
        // A proxy would see the token of a plain-http remote, and this machine needs none to reach itself.
        if url.transport != .http { environment.merge(kept(Self.proxyVariables)) { $1 } }

        try checkPlace(of: url)
        var settings = Self.settings
        let addresses = try await remoteHosts.check(url)
        if !remoteHosts.allowsAll {
            // A redirect would lead past the check. A repository that has moved has to be named by its new address.
            settings.append(("http.followRedirects", "false"))
        }
        let usesProxy = Self.proxyVariables.contains { environment[$0]?.isEmpty == false }
        if url.isHTTP, !addresses.isEmpty, !usesProxy {
            let port = url.port ?? (url.transport == .https ? 443 : 80)
            let list = addresses.map { $0.bytes.count == 4 ? "\($0)" : "[\($0)]" }.joined(separator: ",")
            settings.append(("http.curloptResolve", "\(url.host):\(port):\(list)"))
        }
        var script = Self.limitMemory + #"exec "$@""#
        var input: [UInt8]?
        if let credential, credential.applies(to: url) {
            // Git asks the helper for the one login of a run. The helper reads it from descriptor 3, the pipe that was
            // the shell's standard input: no argument, environment variable or file ever holds it.
            settings.append(
                ("credential.\(url.origin).helper", #"!f() { test "$1" = get && cat <&3; }; f"#))
            script = "exec 3<&0 </dev/null; " + script
            input = credential.helperAnswer
        }
        environment.merge(Self.encode(settings)) { $1 }
        let command = HostCommand(
            executable: "/bin/sh", arguments: ["-c", script, "sh", executable] + arguments, environment: environment,
            directory: "/", input: input, timeout: networkTimeout, outputLimit: Self.outputLimit)
        return try await run(
            command,
            timeoutMessage:
                "The repository's host did not finish within \(networkTimeout); GIT_TIMEOUT_SECONDS allows more.")
    }

    /// What a task has written is not to be given to git on the host: a push into it would run its hooks.
    private func checkPlace(of url: GitURL) throws {
        guard let taskDirectory, url.transport == .file else { return }
        let forbidden = URL(filePath: taskDirectory).resolvingSymlinksInPath().path
        // Both as it is written and as it leads: in between, a task could have a link lead elsewhere.
        let place = URL(filePath: url.text).standardizedFileURL
        for path in [place.path, place.resolvingSymlinksInPath().path]
        where path == forbidden || path == taskDirectory || path.hasPrefix(forbidden + "/")
            || path.hasPrefix(taskDirectory + "/")
        {
            throw GitError(
                .unreachable, "The repository \(url) is in the directory of tasks: copy it to a place of its own.")
        }
    }

    /// Runs a shell script over a bare repository. In the script `$0` is git, and `$1` onwards are the arguments.
    func runLocal(
        _ script: String, _ arguments: [String], repository: String, environment: [String: String], input: [UInt8]
    ) async throws -> HostCommandOutcome {
        let command = HostCommand(
            executable: "/bin/sh",
            arguments: ["-c", Self.limitMemory + script, executable] + arguments,
            environment: baseEnvironment(repository: repository)
                .merging(Self.encode(Self.settings)) { $1 }
                .merging(environment) { $1 },
            directory: repository,
            input: input,
            timeout: localTimeout,
            outputLimit: Self.outputLimit)
        return try await run(command, timeoutMessage: "Git did not finish within \(localTimeout).")
    }

    private func run(_ command: HostCommand, timeoutMessage: String) async throws -> HostCommandOutcome {
        var command = command
        command.owner = owner
        let outcome: HostCommandOutcome
        do {
            outcome = try await command.run()
        } catch let error as SandboxError where error.kind == .unavailable {
            throw Self.gitIsMissing
        }
        guard !outcome.timedOut else { throw GitError(.timeout, timeoutMessage) }
        // What a shell says of a program that it does not find.
        guard outcome.exitCode != 127 else { throw Self.gitIsMissing }
        return outcome
    }

    /// What git wrote, without the token and without control characters, which a remote may have put there.
    func text(_ bytes: [UInt8]) -> String {
        let text = String(decoding: credential?.scrub(bytes) ?? bytes, as: UTF8.self)
        return String(
            text.unicodeScalars.filter { $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control })
    }

    func remoteError(_ outcome: HostCommandOutcome, url: GitURL) -> GitError {
        GitError(
            remoteFailure: text(outcome.stderr),
            url: url,
            hasCredential: credential?.applies(to: url) ?? false)
    }
}

extension GitClient {
    private static let gitIsMissing = GitError(.failed, "The git program is missing: install git, or put it in PATH.")

    private static let outputLimit = 1 << 20

    /// Ample for the largest repositories. A few bytes of a hostile one can unpack to any number; git would hold them all
    /// in memory, and the machine's would go.
    private static let limitMemory = "ulimit -d \(4 << 20) 2>/dev/null; "

    private static let proxyVariables = [
        "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    ]

    private static let keptVariables = [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
        "SSL_CERT_FILE", "SSL_CERT_DIR",
    ]

    /// Settings of every call; no file is read, neither the user's (whose `insteadOf` would turn a checked URL into
    /// another) nor the system's.
    ///
    /// `transfer.fsckObjects` stays off: it refuses old but sound histories (zero-padded modes, odd time zones), and
    /// what it guards, a checkout of hostile names such as `.git/config`, never happens on the host.
    private static let settings: [(key: String, value: String)] = [
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("core.askPass", ""),
        ("credential.helper", ""),
        ("protocol.ext.allow", "never"),
        ("submodule.recurse", "false"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("push.followTags", "false"),
        ("http.followRedirects", "initial"),
    ]

    private func kept(_ names: [String]) -> [String: String] {
        hostEnvironment.filter { names.contains($0.key) }
    }

    private func baseEnvironment(repository: String?) -> [String: String] {
        var environment = kept(Self.keptVariables)
        environment.merge([
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "GIT_DEFAULT_REF_FORMAT": "files",
            "GIT_AUTHOR_NAME": identity.name,
            "GIT_AUTHOR_EMAIL": identity.email,
            "GIT_COMMITTER_NAME": identity.name,
            "GIT_COMMITTER_EMAIL": identity.email,
        ]) { $1 }
        environment["GIT_DIR"] = repository
        return environment
    }

    /// Settings as environment variables; see git-config(1), `GIT_CONFIG_COUNT`.
    private static func encode(_ settings: [(key: String, value: String)]) -> [String: String] {
        var environment = ["GIT_CONFIG_COUNT": String(settings.count)]
        for (index, setting) in settings.enumerated() {
            environment["GIT_CONFIG_KEY_\(index)"] = setting.key
            environment["GIT_CONFIG_VALUE_\(index)"] = setting.value
        }
        return environment
    }
}
