/// A variable in the environment of processes that tells whom they belong to, as long as they do not clear it.
struct ProcessMarker: Sendable {
    static let variable = "SWE_AGENT_PROCESS"

    let value: String

    init(value: String = String(UInt64.random(in: .min ... .max), radix: 16)) {
        self.value = value
    }
}
