import Logging

/// Generates all continuations of a model, together: each pass over the weights serves every one of them.
///
/// Continuations join and leave between passes. A pass takes the next token of each that is under way, then as much of the
/// prompts that wait as fits, so that a long prompt does not hold up the others for long.
actor BatchScheduler {
    /// The most rows that one pass computes.
    static let rowsPerPass = 512

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private nonisolated let thread = ComputeThread(name: "decoding")
    private let transformer: Transformer
    private var waiting: [DecodingSequence] = []
    private var running: [DecodingSequence] = []
    private var isStepping = false

    /// - Parameter transformer: It is used by this scheduler alone from now on.
    init(_ transformer: sending Transformer) {
        self.transformer = transformer
    }

    /// Takes a request in.
    ///
    /// - Throws: ``GenerationError`` where there is no memory for it.
    func submit(_ request: GenerationRequest) throws(GenerationError) {
        let capacity = request.prompt.count + request.maxNewTokens
        try transformer.checkMemory(forCaches: request.options.samples, tokens: capacity)
        waiting.append(DecodingSequence(request, cache: try transformer.makeCache(capacity: capacity)))
        guard !isStepping else { return }
        isStepping = true
        stepLater()
    }

    /// Queues the next pass behind what has been asked of the actor meanwhile.
    private func stepLater() {
        thread.enqueue { [weak self] in self?.assumeIsolated { $0.step() } }
    }

    private func step() {
        running.removeAll { !$0.request.interest.exists }
        waiting.removeAll { !$0.request.interest.exists }
        admit()
        guard !running.isEmpty else {
            isStepping = false
            return
        }
        pass()
        for sequence in running where sequence.completion != nil { finish(sequence) }
        running.removeAll { $0.completion != nil }
        stepLater()
    }

    /// A request whose samples would make the batch too large waits, unless it is alone.
    private func admit() {
        while let next = waiting.first,
            running.isEmpty
                || running.reduce(0, { $0 + $1.expectedCount }) + next.expectedCount <= GenerationOptions.maxSamples
        {
            running.append(waiting.removeFirst())
        }
    }

    private func finish(_ sequence: DecodingSequence) {
        let isLast = !running.contains { $0.request.interest === sequence.request.interest && $0.completion == nil }
        if isLast { sequence.request.output.finish() }
    }

    private func pass() {
        var segments: [Transformer.Segment] = []
        var parts: [(sequence: DecodingSequence, segment: Int, drafts: Int)] = []
        // One row is kept for each sequence that decodes, then prompts take what is left.
        var budget = max(Self.rowsPerPass, running.count)
        var reserved = running.count { !$0.isPrefilling }
        for sequence in running.filter({ !$0.isPrefilling }) + running.filter(\.isPrefilling) {
            if !sequence.isPrefilling { reserved -= 1 }
            let (tokens, drafts) = sequence.nextTokens(budget: budget - reserved)
            guard !tokens.isEmpty else { continue }
            budget -= tokens.count
            parts.append((sequence, segments.count, drafts))
            let isWhole = sequence.cachedCount + tokens.count >= sequence.tokens.count
            segments.append(
                Transformer.Segment(
                    cache: sequence.cache, tokens: tokens, position: sequence.cachedCount,
                    logitRows: isWhole ? drafts + 1 : 0))
        }
        let logits = transformer.forward(segments)
        for part in parts {
            let segment = segments[part.segment]
            let sequence = part.sequence
            let row = logits.firstRow[part.segment]
            if sequence.isPrefilling {
                sequence.didPrefill(segment.tokens.count)
                guard segment.logitRows > 0 else { continue }
                share(sequence, logits: logits, row: row)
            }
            sequence.choose(drafts: segment.tokens.suffix(part.drafts)) { logits.row(row + $0) }
        }
    }

    /// Begins the other samples of a prompt that has been read: they start from copies of its cache and its logits.
    private func share(_ first: DecodingSequence, logits: Transformer.Logits, row: Int) {
        for sample in 1..<max(1, first.request.options.samples) {
            guard let cache = try? transformer.makeCache(capacity: first.cache.capacity) else { continue }
            cache.copy(from: first.cache, count: first.cachedCount)
            let sequence = DecodingSequence(sample: sample, like: first, cache: cache)
            running.append(sequence)
            // The sampler changes the logits, so each sample has a copy.
            withUnsafeTemporaryAllocation(of: Float.self, capacity: logits.row(row).count) { copy in
                _ = copy.update(fromContentsOf: logits.row(row))
                sequence.choose(drafts: []) { _ in copy }
            }
        }
    }
}

extension DecodingSequence {
    /// How many sequences it stands for: the other samples of a prompt begin when it has been read.
    fileprivate var expectedCount: Int { isPrefilling ? request.options.samples : 1 }
}
