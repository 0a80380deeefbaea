import Logging

/// Generates all continuations of a model, together: each pass over the weights serves every one of them.
///
/// Continuations join and leave between passes. A pass takes the next token of each that is under way, then as much of the
/// prompts that wait as fits, so that a long prompt does not hold up the others for long. What several prompts begin with,
/// as the samples of one do, is read once.
actor BatchScheduler {
    /// The most rows that one pass computes.
    static let rowsPerPass = 512
    /// The most memory that sequences that have ended may keep, where the machine has plenty.
    private static let prefixBytes = 1 << 30

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private nonisolated let thread = ComputeThread(name: "decoding")
    private let transformer: Transformer
    private var waiting: [DecodingSequence] = []
    private var running: [DecodingSequence] = []
    private var prefixes = PrefixCache()
    private var isStepping = false

    /// - Parameter transformer: It is used by this scheduler alone from now on.
    init(_ transformer: sending Transformer) {
        self.transformer = transformer
    }

    /// Takes a request in.
    ///
    /// - Throws: ``GenerationError`` where there is no memory for it.
    func submit(_ request: GenerationRequest) throws(GenerationError) {
        let samples = request.options.samples
        let capacity = request.prompt.count + request.maxNewTokens
        do {
            try transformer.checkMemory(forCaches: samples, tokens: capacity)
        } catch {
            prefixes.removeAll()
            try transformer.checkMemory(forCaches: samples, tokens: capacity)
        }
        var sequences: [DecodingSequence] = []
        for sample in 0..<samples {
            sequences.append(
                DecodingSequence(request, sample: sample, cache: try transformer.makeCache(capacity: capacity)))
        }
        waiting += sequences
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
        // Before others come, which may go on in a cache that is to be copied here.
        for sequence in running { sequence.followLeader() }
        while running.count < GenerationOptions.maxSamples, !waiting.isEmpty { admit(waiting.removeFirst()) }
        guard !running.isEmpty else {
            isStepping = false
            return
        }
        pass()
        for sequence in running where sequence.completion != nil { finish(sequence) }
        running.removeAll { $0.completion != nil }
        stepLater()
    }

    /// Lets a sequence begin with what is known of its prompt, or will be after the next passes.
    private func admit(_ sequence: DecodingSequence) {
        let prompt = sequence.request.prompt
        let leader = running.map { (sequence: $0, count: $0.tokens.commonPrefixCount(prompt.dropLast())) }
            .max { $0.count < $1.count }
        if let leader, leader.count >= PrefixCache.leastCount, leader.count > prefixes.count(for: prompt) {
            sequence.follow(leader.sequence, count: leader.count)
        } else if sequence.request.options.reusesPrefixes {
            let (cache, count) = prefixes.fill(sequence.cache, for: prompt)
            sequence.begin(cache, count: count)
        }
        running.append(sequence)
    }

    private func finish(_ sequence: DecodingSequence) {
        let isAwaited = (running + waiting).contains {
            $0.request.interest === sequence.request.interest && $0.completion == nil
        }
        if !isAwaited { sequence.request.output.finish() }
        guard sequence.request.options.reusesPrefixes else { return }
        prefixes.keep(
            sequence.tokens.prefix(sequence.cachedCount), sequence.cache,
            byteLimit: min(Self.prefixBytes, (AvailableMemory.bytes() ?? 0) / 4))
    }

    private func pass() {
        var segments: [Transformer.Segment] = []
        var parts: [(sequence: DecodingSequence, segment: Int, drafts: Int)] = []
        // One row is kept for each sequence that decodes, then prompts take what is left.
        var budget = max(Self.rowsPerPass, running.count)
        var reserved = running.count { !$0.isPrefilling }
        for sequence in running.filter({ !$0.isPrefilling }) + running.filter({ $0.isPrefilling && !$0.isFollowing }) {
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
        for part in parts where part.sequence.isPrefilling {
            part.sequence.didPrefill(segments[part.segment].tokens.count)
        }
        // Each sequence on one thread; choosing among all tokens of the vocabulary takes a while.
        let ready = parts.filter { segments[$0.segment].logitRows > 0 }
        transformer.team.split(ready.count) { share in
            for part in ready[share] {
                let row = logits.firstRow[part.segment]
                part.sequence.choose(drafts: segments[part.segment].tokens.suffix(part.drafts)) { logits.row(row + $0) }
            }
        }
    }
}
