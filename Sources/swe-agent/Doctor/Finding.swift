/// What came of one check.
struct Finding: Sendable, Hashable, Encodable {
    enum Status: String, Sendable, Encodable {
        case passed
        /// It works, with something that a person should know.
        case warned
        case failed
    }

    /// What was looked at, in a word.
    var check: String
    var status: Status
    /// What was found.
    var detail: String
    /// What to do about it; `nil` where nothing is to be done.
    var advice: String?
}

extension Finding {
    /// A finding without the name of its check.
    enum Verdict: Sendable {
        case passed(String)
        case warned(String, advice: String)
        case failed(String, advice: String)
    }

    init(_ check: String, _ verdict: Verdict) {
        switch verdict {
        case .passed(let detail): self.init(check: check, status: .passed, detail: detail)
        case .warned(let detail, let advice): self.init(check: check, status: .warned, detail: detail, advice: advice)
        case .failed(let detail, let advice): self.init(check: check, status: .failed, detail: detail, advice: advice)
        }
    }
}
