import KubernetesClient

/// What has happened to the objects of a server, and everyone who watches it.
struct WatchLog {
    struct Event: Sendable {
        /// `ADDED`, `MODIFIED`, `DELETED`, or `BOOKMARK` for all kinds of objects.
        var type: String
        /// The plural name of the object's kind.
        var resource: String
        var object: ManifestValue
        var version: Int
    }

    private(set) var version = 1
    /// How many watches there have been.
    private(set) var watchesBegun = 0
    private var history: [Event] = []
    /// Events up to this version are not remembered.
    private var forgottenUntil = 0
    private var watchers: [Int: AsyncStream<Event>.Continuation] = [:]

    /// Gives an object the next version and tells everyone who watches.
    mutating func note(_ type: String, _ resource: String, _ object: inout ManifestValue) {
        version += 1
        object["metadata"]?["resourceVersion"] = .string(String(version))
        let event = Event(type: type, resource: resource, object: object, version: version)
        history.append(event)
        for watcher in watchers.values { watcher.yield(event) }
    }

    /// Forgets what has happened and ends all watches, as a server does whose storage is compacted.
    mutating func forget() {
        forgottenUntil = version
        history = []
        endAll()
    }

    /// Tells all who watch, and want to know, how far they have seen.
    func sendBookmarks() {
        let object: ManifestValue = ["metadata": ["resourceVersion": .string("\(version)")]]
        let bookmark = Event(type: "BOOKMARK", resource: "", object: object, version: version)
        for watcher in watchers.values { watcher.yield(bookmark) }
    }

    /// The events after a version, or from now on; `nil` where they are forgotten.
    ///
    /// - Parameter onEnd: Gets the number of the watch when nobody reads its events any more.
    mutating func watch(
        after: Int?, onEnd: @escaping @Sendable (Int) -> Void
    ) -> (number: Int, events: AsyncStream<Event>)? {
        let after = after ?? version
        guard after >= forgottenUntil else { return nil }
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        for event in history where event.version > after { continuation.yield(event) }
        watchesBegun += 1
        let number = watchesBegun
        watchers[number] = continuation
        continuation.onTermination = { _ in onEnd(number) }
        return (number, stream)
    }

    mutating func end(_ number: Int) { watchers.removeValue(forKey: number)?.finish() }

    mutating func endAll() {
        for number in watchers.keys { end(number) }
    }
}

/// Whose objects can be watched.
protocol WatchedObjects: Actor {
    /// The events after a version, or from now on; `nil` where they are forgotten.
    func watch(after: Int?) -> (number: Int, events: AsyncStream<WatchLog.Event>)?
    func endWatch(_ number: Int)
}
