import Foundation

extension Transformer {
    /// The outcome of a pass: rows of as many numbers as the vocabulary has tokens.
    struct Logits {
        /// For each segment, the index of its first row.
        let firstRow: [Int]
        fileprivate let values: UnsafeMutablePointer<Float>
        private let vocabularySize: Int

        init(firstRow: [Int], values: UnsafeMutablePointer<Float>, vocabularySize: Int) {
            self.firstRow = firstRow
            self.values = values
            self.vocabularySize = vocabularySize
        }

        func row(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
            UnsafeMutableBufferPointer(start: values + index * vocabularySize, count: vocabularySize)
        }
    }

    /// Memory that passes use, grown as they need it.
    final class Buffers {
        private enum Name: CaseIterable { case hidden, normed, attention, attended, middle, up, logits, angles, scores }

        private var memory: [Name: UnsafeMutableBufferPointer<Float>] = [:]

        deinit { for buffer in memory.values { buffer.deallocate() } }

        private func buffer(_ name: Name, _ count: Int) -> UnsafeMutablePointer<Float> {
            if let buffer = memory[name], buffer.count >= count { return buffer.baseAddress! }
            memory[name]?.deallocate()
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
                .bindMemory(to: Float.self)
            memory[name] = buffer
            return buffer.baseAddress!
        }

        func hidden(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.hidden, count) }
        func normed(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.normed, count) }
        func attention(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.attention, count) }
        func attended(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.attended, count) }
        func middle(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.middle, count) }
        func up(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.up, count) }
        func logits(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.logits, count) }
        func angles(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.angles, count) }
        func scores(_ count: Int) -> UnsafeMutablePointer<Float> { buffer(.scores, count) }
    }
}

// MARK: - Caches

extension Transformer {
    /// Room for everything beside weights and caches.
    static let workingMemory = 48 << 20

    /// - Throws: ``GenerationError``: it is more than the machine has.
    func checkMemory(forCaches count: Int, tokens: Int) throws(GenerationError) {
        // In floating point, where no product overflows.
        let wanted = Double(KeyValueCache.Shape(configuration, quantization).byteCount) * Double(tokens) * Double(count)
        guard let available = AvailableMemory.bytes(), wanted > Double(available) else { return }
        let size = "\(UInt64(min(wanted, 0x1p60)) >> 20) MiB"
        throw .memory(
            """
            \(count == 1 ? "a sequence" : "\(count) sequences") of \(tokens) tokens would take \(size) of memory, \
            and \(available >> 20) MiB are available; allow fewer tokens
            """)
    }

    /// - Throws: ``GenerationError``: there is no memory.
    func makeCache(capacity: Int) throws(GenerationError) -> KeyValueCache {
        do {
            return try KeyValueCache(KeyValueCache.Shape(configuration, quantization), capacity: capacity)
        } catch {
            throw .memory("\(error)")
        }
    }
}
