/// A number of bytes as people read it, in the units of the hub's pages: 1 GB is 1,000,000,000 bytes.
public struct ByteCount: CustomStringConvertible {
    private let count: Int

    public init(_ count: Int) {
        self.count = count
    }

    public var description: String {
        guard count >= 1000 else { return "\(count) B" }
        var (value, unit) = (Double(count), 0)
        while value >= 999.5, unit < 5 {
            value /= 1000
            unit += 1
        }
        // Three digits, whatever the unit.
        let step: Double = value < 9.995 ? 100 : value < 99.95 ? 10 : 1
        let rounded = (value * step).rounded() / step
        let shown = rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
        return "\(shown) \(["B", "kB", "MB", "GB", "TB", "PB"][unit])"
    }
}
