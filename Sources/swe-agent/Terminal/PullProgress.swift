import Foundation
import ModelHub

/// How far a pull is, as lines to show.
struct PullProgress {
    /// The speed is that of so many last seconds.
    private static let window: TimeInterval = 10

    private let id: ModelID
    private var total: Int?
    private var done = 0
    /// Bytes that came over the network, at times.
    private var samples: [(time: Date, bytes: Int)] = []
    private var received = 0
    private var current = ""

    init(of id: ModelID) {
        self.id = id
    }

    /// Takes an event; returns the lines that stay.
    mutating func apply(_ event: ModelHub.Event, at time: Date) -> [String] {
        switch event {
        case .planned(let files, let bytes, let present):
            total = bytes
            done = present
            let here = present > 0 ? ", \(ByteCount(present)) of it here already" : ""
            return ["\(id): \(files) files, \(ByteCount(bytes))\(here)"]
        case .waiting(let file):
            current = "waiting for another process to fetch \(file)"
            return ["\(file) is being fetched by another process; waiting for it"]
        case .received(let file, let bytes, let isResumed):
            current = file
            if total != nil { done += bytes }
            if !isResumed { received += bytes }
            if let last = samples.last, time.timeIntervalSince(last.time) < 0.2 {
                samples[samples.count - 1].bytes = received
            } else {
                samples.append((time, received))
            }
            samples.removeAll { time.timeIntervalSince($0.time) > Self.window }
            return []
        case .checking(let file):
            current = "checking \(file)"
            return []
        case .finished(let file, let bytes):
            return ["\(file)  \(ByteCount(bytes))"]
        }
    }

    /// The line that changes, for a terminal.
    func status(at time: Date) -> String {
        guard let total, total > 0 else { return "\(id) …" }
        let share = min(1, Double(done) / Double(total))
        let width = 24
        let full = Int(share * Double(width))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
        var parts = ["\(bar) \(Int(share * 100)) %", "\(ByteCount(done)) of \(ByteCount(total))"]
        if let speed = speed(at: time), speed > 0 {
            parts.append("\(ByteCount(Int(speed)))/s")
            parts.append("\(Self.clock(Double(total - done) / speed)) left")
        }
        return (parts + [current]).joined(separator: " · ")
    }

    /// Bytes a second.
    private func speed(at time: Date) -> Double? {
        guard let first = samples.first, time.timeIntervalSince(first.time) >= 0.5 else { return nil }
        return Double(received - first.bytes) / time.timeIntervalSince(first.time)
    }

    private static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 360_000 else { return "long" }
        let seconds = Int(max(0, seconds).rounded(.up))
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }
}
