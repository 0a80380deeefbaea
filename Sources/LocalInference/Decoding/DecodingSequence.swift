/// One continuation while it is made.
///
/// Confined to the scheduler that owns it.
final class DecodingSequence {
    let request: GenerationRequest
    let sample: Int
    private(set) var cache: KeyValueCache
    /// The prompt and what has been generated.
    private(set) var tokens: [Int]
    /// How many of ``tokens`` the cache holds.
    private(set) var cachedCount = 0
    private(set) var completion: Completion?
    /// The tokens of the prompt that had not to be read for this sequence.
    private var reusedCount = 0
    /// A sequence that reads what this one begins with, and how much of it.
    private var leader: (sequence: DecodingSequence, count: Int)?

    private var sampler: Sampler
    private var lookup: PromptLookup?
    private var stop: StopStrings
    private var text: StreamingDecoder
    private var completeText = ""
    private var firstTokenAt: ContinuousClock.Instant?
    private var passes = 0

    init(_ request: GenerationRequest, sample: Int, cache: KeyValueCache) {
        self.request = request
        self.sample = sample
        self.cache = cache
        tokens = request.prompt
        var sampling = request.options.sampling
        sampling.seed &+= UInt64(sample)
        sampler = Sampler(sampling, vocabularySize: request.vocabularySize)
        for token in request.prompt { sampler.note(token) }
        lookup = request.options.promptLookup ? PromptLookup() : nil
        stop = StopStrings(request.options.stop)
        text = request.textStream
    }

    // MARK: What others have read

    /// Begins with a cache that holds the first tokens of the prompt.
    func begin(_ cache: KeyValueCache, count: Int) {
        self.cache = cache
        cachedCount = count
        reusedCount = count
    }

    /// Waits until another sequence has read as much as this one has in common with it.
    func follow(_ leader: DecodingSequence, count: Int) {
        self.leader = (leader, count)
    }

    /// Begins where the leader is, once it has come far enough or comes no further.
    func followLeader() {
        guard let (sequence, count) = leader else { return }
        let isOver = sequence.completion != nil || !sequence.request.interest.exists
        guard isOver || sequence.cachedCount >= count else { return }
        let ready = min(count, sequence.cachedCount)
        cache.copy(from: sequence.cache, count: ready)
        begin(cache, count: ready)
        leader = nil
    }

    var isFollowing: Bool { leader != nil }

    // MARK: Passes

    var generatedCount: Int { tokens.count - request.prompt.count }
    var isPrefilling: Bool { firstTokenAt == nil }

    /// What the next pass is to compute: the tokens that the cache lacks and guesses of those to come.
    func nextTokens(budget: Int) -> (tokens: [Int], drafts: Int) {
        let missing = tokens[cachedCount...]
        if isPrefilling { return (Array(missing.prefix(budget)), 0) }
        let room = min(budget - missing.count, request.maxNewTokens - generatedCount - 1)
        let drafts = lookup?.drafts(after: tokens, most: room) ?? []
        return (Array(missing + drafts), drafts.count)
    }

    /// Takes part of a prompt as read.
    func didPrefill(_ count: Int) {
        cachedCount += count
    }

    /// Chooses tokens after a pass, as many as its guesses were right, and one more.
    ///
    /// - Parameter logits: Gives the logits after the token the pass began with, or after a guess counted from 1.
    func choose(drafts: ArraySlice<Int>, logits: (_ row: Int) -> UnsafeMutableBufferPointer<Float>) {
        if firstTokenAt == nil { firstTokenAt = .now } else { passes += 1 }
        var accepted = 0
        while true {
            var token = sampler.next(logits(accepted))
            if let forced = request.options.forcedTokens { token = forced[generatedCount] }
            append(token)
            guard completion == nil, accepted < drafts.count,
                token == drafts[drafts.startIndex + accepted]
            else { break }
            accepted += 1
        }
        cachedCount = tokens.count - 1
        lookup?.note(accepted: accepted, of: drafts.count)
    }

    private func append(_ token: Int) {
        if request.endTokens.contains(token) { return end(.endOfText) }
        tokens.append(token)
        sampler.note(token)
        if give(text.append(token)) {
            end(.stopString)
        } else if generatedCount == request.maxNewTokens {
            end(.length)
        }
    }

    /// Passes text on.
    ///
    /// - Returns: Whether a stop string ends it.
    private func give(_ more: String) -> Bool {
        let (passed, isEnd) = stop.pass(more)
        if !passed.isEmpty {
            completeText += passed
            request.output.yield(.text(passed, sample: sample))
        }
        return isEnd
    }

    private func end(_ ending: Completion.Ending) {
        var ending = ending
        if ending != .stopString {
            if give(text.finish()) { ending = .stopString }
            let rest = stop.flush()
            if !rest.isEmpty, ending != .stopString {
                completeText += rest
                request.output.yield(.text(rest, sample: sample))
            }
        }
        let first = firstTokenAt ?? .now
        let completion = Completion(
            sample: sample, text: completeText, tokens: Array(tokens[request.prompt.count...]), ending: ending,
            timings: Completion.Timings(
                promptTokens: request.prompt.count, reusedTokens: reusedCount, prefill: first - request.startedAt,
                decode: .now - first, passes: passes))
        self.completion = completion
        request.output.yield(.end(completion))
    }
}

/// A prompt and what is wanted of it.
struct GenerationRequest {
    var prompt: [Int]
    var options: GenerationOptions
    /// ``GenerationOptions/maxNewTokens``, or what the context leaves of it.
    var maxNewTokens: Int
    var vocabularySize: Int
    var endTokens: Set<Int>
    var textStream: StreamingDecoder
    var output: AsyncStream<Generation.Element>.Continuation
    var interest: Interest
    var startedAt: ContinuousClock.Instant
}
