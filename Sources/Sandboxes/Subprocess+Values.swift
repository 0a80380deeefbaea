internal import Subprocess

extension TerminationStatus {
    /// The exit code as a shell gives it: 128 + signal after a signal.
    var shellCode: Int {
        switch self {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}

extension Environment {
    /// Exactly these variables, nothing inherited.
    init(_ variables: [String: String]) {
        self = .custom(Dictionary(uniqueKeysWithValues: variables.map { (Key(stringLiteral: $0), $1) }))
    }
}
