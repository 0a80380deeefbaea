internal import CConfinement
internal import Foundation

/// A network for one sandbox, from which connections lead out, but none to the host's loopback and to the metadata services
/// of clouds, which hand out the machine's credentials.
///
/// Sharing the host's network would mean sharing all that trusts whoever is on it. `slirp4netns` is a program without rights
/// that speaks TCP and UDP with the sandbox on one side, and opens the same connections as the service's user on the
/// other. A process can only put itself into a network, so the service starts its own program once more, which does that
/// and becomes bubblewrap.
public enum OutboundNetwork {
    /// The first argument of a program that is started only to be in such a network.
    public static let command = "enter-network-and-run"

    /// The program that speaks for the sandbox.
    static let helper = "slirp4netns"

    /// What a sandbox's `/etc/resolv.conf` says: the helper asks the host's name server.
    static let nameServers = "nameserver 10.0.2.3\n"

    /// What nothing leads to; there is no IPv6, and so no metadata service by it.
    private static let unreachable: [(network: String, length: UInt8)] = [
        // Link-local: the metadata services of most clouds, of containers and of pods.
        ("169.254.0.0", 16),
        // Those of Alibaba Cloud, Azure and Oracle Cloud at addresses of their own.
        ("100.100.100.200", 32), ("168.63.129.16", 32), ("192.0.0.192", 32),
    ]

    /// Enters a network and becomes another program, if the arguments of the process ask for it.
    ///
    /// To be called as the first thing of a program that ``LocalSandboxSettings/confiningProgram`` names.
    ///
    /// - Returns: Where they do not.
    public static func enterIfAsked(_ arguments: [String]) {
        guard arguments.count > 3, arguments[1] == command else { return }
        let networks: [UnsafePointer<CChar>?] = unreachable.map { UnsafePointer(strdup($0.network)) } + [nil]
        guard confinement_enter_network(arguments[2], networks, unreachable.map(\.length)) == 0 else {
            ConfiningProgram.fail("there can be no network of its own: \(String(cString: strerror(errno)))")
        }
        ConfiningProgram.become(Array(arguments.dropFirst(3)))
    }
}
