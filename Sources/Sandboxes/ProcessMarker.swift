/// A variable in the environment of processes that tells whom they belong to, as long as they do not clear it.
struct ProcessMarker: Sendable {
    static let variable = "SWE_AGENT_PROCESS"

    let variable: String
    let value: String

    init(value: String = String(UInt64.random(in: .min ... .max), radix: 16)) {
        variable = Self.variable
        self.value = value
    }

    /// The marker of everything that belongs to an owner which outlives the processes of a service.
    init(owner: String) {
        variable = "SWE_AGENT_OWNER"
        value = owner
    }
}
