/// What a test has the server of a cluster do that servers do on bad days.
public actor ClusterFaults {
    private struct Cut {
        var text: String
        var bytes: Int
        var times: Int
    }

    private var throttled = (count: 0, seconds: 0)
    private var cuts: [Cut] = []

    /// Has the next requests refused with 429 and asked to come again after some seconds.
    public func throttle(_ count: Int, retryAfter seconds: Int) { throttled = (count, seconds) }

    /// Breaks off the connection of commands that contain a text, once they have written so many bytes.
    public func cutExec(containing text: String, afterBytes bytes: Int = 0, times: Int = 1) {
        cuts.append(Cut(text: text, bytes: bytes, times: times))
    }

    /// The seconds to ask a client to wait that makes a request now; `nil` where it is let through.
    func takeThrottling() -> Int? {
        guard throttled.count > 0 else { return nil }
        throttled.count -= 1
        return throttled.seconds
    }

    /// The bytes after which the connection of a command breaks; `nil` where it does not.
    func takeCut(_ command: [String]) -> Int? {
        guard let index = cuts.firstIndex(where: { cut in command.contains { $0.contains(cut.text) } }) else {
            return nil
        }
        let bytes = cuts[index].bytes
        cuts[index].times -= 1
        if cuts[index].times == 0 { cuts.remove(at: index) }
        return bytes
    }
}
