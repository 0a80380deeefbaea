/// Which hosts this machine may be sent to by an address that somebody else wrote.
///
/// Without a check, a client of the service could have it ask the cloud's metadata service, a database or a router for a
/// “repository”, as if the request came from inside. A host is refused where any of its addresses is internal; git
/// then connects to the addresses that were looked at, and not to what the name stands for a moment later.
public struct RemoteHosts: Sendable, Hashable {
    /// Hosts that may be internal, in lower case, as URLs write them; `nil` for all.
    private let internalHosts: Set<String>?

    /// Every host, internal ones included: for a program whose user names the repositories.
    public static let all = RemoteHosts(internalHosts: nil)

    /// - Parameter internalHosts: The hosts that may have internal addresses; `nil` for all.
    public init(internalHosts: Set<String>? = []) {
        self.internalHosts = internalHosts.map { Set($0.map { $0.lowercased() }) }
    }

    /// Whether redirects to other hosts need not be feared.
    var allowsAll: Bool { internalHosts == nil }

    /// Looks up where a URL leads.
    ///
    /// - Returns: The addresses that git is to use; empty where it may look them up itself.
    /// - Throws: ``GitError`` where the host is internal and not allowed.
    func check(_ url: GitURL) async throws -> [NetworkAddress] {
        guard let internalHosts, url.transport != .file, !internalHosts.contains(url.host) else { return [] }
        let name = url.host.hasPrefix("[") ? String(url.host.dropFirst().dropLast()) : url.host
        let addresses: [NetworkAddress] =
            if let address = NetworkAddress(name) { [address] } else { await NetworkAddress.resolve(name) }
        try Task.checkCancellation()
        if addresses.isEmpty {
            throw GitError(.unreachable, "The repository's host \(url.host) has no address: check the URL's spelling.")
        }
        guard !addresses.contains(where: \.isInternal) else {
            throw GitError(
                .unreachable,
                "The repository's host \(url.host) is internal to this service's network, and tasks may not name such hosts: "
                    + "the operator can allow it in SWE_AGENT_INTERNAL_HOSTS.")
        }
        return addresses
    }
}
