/// An actor whose own work waits for it to change.
protocol ObservedActor: Actor {
    /// Who waits for a change.
    var observers: [CheckedContinuation<Void, Never>] { get set }
}

extension ObservedActor {
    /// Waits until something is so that only a change brings about.
    func wait(until isSo: () -> Bool) async {
        while !isSo() {
            // Looked at once more: changes may come before this is called.
            await withCheckedContinuation { if isSo() { $0.resume() } else { observers.append($0) } }
        }
    }

    /// Lets all look again who wait.
    func notifyObservers() {
        for observer in observers { observer.resume() }
        observers = []
    }
}
