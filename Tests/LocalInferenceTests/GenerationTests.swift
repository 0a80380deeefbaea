import Foundation
import Testing

@testable import LocalInference

@Suite struct GenerationTests {
    private static let greedy = GenerationOptions(sampling: .greedy, maxNewTokens: 32, ignoresEndTokens: true)

    @Test(arguments: Fixture.all) func greedyContinuationsAreThoseOfTransformers(_ fixture: Fixture) async throws {
        let reference = try fixture.reference()
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            let plain = try await model.generate(tokens: reference.prompt, options: Self.greedy).completions()
            #expect(plain.map(\.tokens) == [reference.greedy])
            #expect(plain.map(\.ending) == [.length])

            var options = Self.greedy
            options.sampling.repetitionPenalty = reference.sampling.repetitionPenalty
            let penalized = try await model.generate(tokens: reference.prompt, options: options).completions()
            #expect(penalized.map(\.tokens) == [reference.penalized])
        }
    }

    @Test(arguments: Fixture.all) func settingsLeaveTheCandidatesOfTransformers(_ fixture: Fixture) throws {
        let reference = try fixture.reference()
        let settings = reference.sampling
        let options = SamplingOptions(
            temperature: settings.temperature, topK: settings.topK, topP: settings.topP,
            repetitionPenalty: settings.repetitionPenalty)
        var logits = try #require(fixture.logits().last)
        var sampler = Sampler(options, vocabularySize: logits.count)
        for token in reference.prompt { sampler.note(token) }
        let candidates = logits.withUnsafeMutableBufferPointer { sampler.distribution($0) }
            .sorted { $0.token < $1.token }
        #expect(candidates.map(\.token) == settings.tokens)
        for (candidate, probability) in zip(candidates, settings.probabilities) {
            #expect(abs(candidate.weight - probability) < 1e-5)
        }
    }

    @Test func samplesAreDrawnAsOftenAsTheyAreLikely() throws {
        let probabilities: [Float] = [0.5, 0.1, 0.3, 0.1]
        var sampler = Sampler(SamplingOptions(seed: 3), vocabularySize: 4)
        var counts = [0, 0, 0, 0]
        for _ in 0..<20_000 {
            var logits = probabilities.map { Float(log(Double($0))) }
            counts[logits.withUnsafeMutableBufferPointer { sampler.next($0) }] += 1
        }
        for (count, probability) in zip(counts, probabilities) {
            #expect(abs(Float(count) / 20_000 - probability) < 0.02)
        }
    }

    @Test(arguments: [
        SamplingOptions(temperature: 1, topK: 0, topP: 0.9), SamplingOptions(temperature: 1, topK: 7, topP: 1),
        SamplingOptions(temperature: 0.3, topK: 3, topP: 0.5), SamplingOptions(temperature: 2, topK: 400, topP: 0.99),
    ])
    func candidatesAreTheMostLikely(_ options: SamplingOptions) throws {
        var random = SplitMix64(state: 5)
        let logits = (0..<400).map { _ in Float(random.nextFraction() * 12 - 6) }
        // The definition, without any shortcut.
        var expected: [Int] = []
        let order = logits.indices.sorted { logits[$0] > logits[$1] }
        let kept = order.prefix(options.topK == 0 ? .max : options.topK)
        let weights = kept.map { exp(Double(logits[$0]) / Double(options.temperature)) }
        var sum = 0.0
        for (token, weight) in zip(kept, weights)
        where options.topP == 1 || sum < Double(options.topP) * weights.reduce(0, +) {
            expected.append(token)
            sum += weight
        }
        var copy = logits
        var sampler = Sampler(options, vocabularySize: logits.count)
        #expect(copy.withUnsafeMutableBufferPointer { sampler.distribution($0) }.map(\.token) == expected)
    }

    @Test func logitsWithoutNumbersAreNoTrap() {
        for options in [SamplingOptions.greedy, SamplingOptions(), SamplingOptions(topK: 0, topP: 0.5)] {
            for value in [Float.nan, .infinity, -.infinity] {
                var logits = [Float](repeating: value, count: 8)
                var sampler = Sampler(options, vocabularySize: 8)
                let token = logits.withUnsafeMutableBufferPointer { sampler.next($0) }
                #expect((0..<8).contains(token))
            }
        }
    }

    // MARK: Together

    @Test(arguments: [Quantization.fp32, .int8])
    func requestsOfABatchGetWhatTheyWouldAlone(_ quantization: Quantization) async throws {
        let fixture = Fixture(name: "codegen")
        let tokens = try fixture.reference().prompt
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(quantization, cache: folder)
            let requests = (0..<6).map { index -> (tokens: [Int], options: GenerationOptions) in
                var options = Self.greedy
                options.sampling = SamplingOptions(temperature: 1.3, topK: 20, seed: UInt64(index))
                options.maxNewTokens = 10 + 7 * index
                return (Array(tokens.prefix(5 + 6 * index)), options)
            }
            var alone: [[Int]] = []
            for request in requests {
                alone += try await model.generate(tokens: request.tokens, options: request.options).completions()
                    .map(\.tokens)
            }
            let together = try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
                for (index, request) in requests.enumerated() {
                    group.addTask {
                        let completions = try await model.generate(tokens: request.tokens, options: request.options)
                            .completions()
                        return (index, completions[0].tokens)
                    }
                }
                return try await group.reduce(into: [Int: [Int]]()) { $0[$1.0] = $1.1 }
            }
            #expect(requests.indices.map { together[$0] } == alone)
        }
    }

    @Test func samplesOfAPromptAreWhatTheirSeedsGive() async throws {
        let fixture = Fixture(name: "qwen2")
        let prompt = try fixture.reference().prompt
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            var options = GenerationOptions(
                sampling: SamplingOptions(temperature: 1.5, seed: 40), maxNewTokens: 24, samples: 5,
                ignoresEndTokens: true)
            let samples = try await model.generate(tokens: prompt, options: options).completions()
            #expect(samples.map(\.sample) == [0, 1, 2, 3, 4])
            #expect(Set(samples.map(\.tokens)).count == 5)
            options.samples = 1
            for sample in samples {
                options.sampling.seed = 40 + UInt64(sample.sample)
                let alone = try await model.generate(tokens: prompt, options: options).completions()
                #expect(alone.map(\.tokens) == [sample.tokens])
            }
        }
    }

    @Test(arguments: Fixture.all, [0, 0.4]) func promptLookupChangesNothing(
        _ fixture: Fixture, _ temperature: Float
    ) async throws {
        // A prompt that repeats itself, so that there is something to look up.
        let part = try Array(fixture.reference().prompt.prefix(12))
        let prompt = part + part + part
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(.int8, cache: folder)
            var passes: [Int] = []
            for seed in 0..<3 as Range<UInt64> {
                var options = Self.greedy
                options.maxNewTokens = 80
                options.sampling = SamplingOptions(
                    temperature: temperature, topK: 5, repetitionPenalty: 1.05, seed: seed)
                let plain = try await model.generate(tokens: prompt, options: options).completions()
                options.promptLookup = true
                let guessed = try await model.generate(tokens: prompt, options: options).completions()
                #expect(guessed.map(\.tokens) == plain.map(\.tokens))
                #expect(plain.map(\.timings.passes) == [79])
                passes += guessed.map(\.timings.passes)
            }
            #expect(passes.allSatisfy { $0 <= 79 })
        }
    }

    @Test func promptLookupSavesPassesWhereTextRepeats() async throws {
        let fixture = Fixture(name: "codegen")
        let prompt = try fixture.reference().prompt
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            var options = Self.greedy
            options.maxNewTokens = 2 * prompt.count
            options.forcedTokens = prompt + prompt
            options.promptLookup = true
            let guessed = try await model.generate(tokens: prompt, options: options).completions()[0]
            #expect(guessed.tokens == prompt + prompt)
            #expect(guessed.timings.passes < prompt.count)
        }
    }

    // MARK: Prompts that begin alike

    @Test(arguments: Fixture.all) func aConversationIsReadFromWhereItWasLeft(_ fixture: Fixture) async throws {
        let prompt = try fixture.reference().prompt
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(.int8, cache: folder)
            var options = Self.greedy
            let first = try await model.generate(tokens: prompt, options: options).completions()[0]
            #expect(first.timings.reusedTokens == 0)
            // The reply, and another turn; then another one in its place, shorter than what is known.
            for turn in [[7, 8, 9, 10, 11], [9, 8]] {
                let longer = prompt + first.tokens + turn
                options.reusesPrefixes = true
                let reused = try await model.generate(tokens: longer, options: options).completions()[0]
                #expect(reused.timings.reusedTokens >= prompt.count + first.tokens.count - 1)
                #expect(reused.timings.reusedTokens < longer.count)
                options.reusesPrefixes = false
                let read = try await model.generate(tokens: longer, options: options).completions()[0]
                #expect(read.timings.reusedTokens == 0)
                #expect(reused.tokens == read.tokens)
            }
        }
    }

    @Test func requestsAtTheSameTimeReadWhatTheyHaveInCommonOnce() async throws {
        let fixture = Fixture(name: "llama")
        let prompt = try fixture.reference().prompt
        let other = Array(prompt.dropLast(4)) + [9, 9, 9]
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            var options = Self.greedy
            options.reusesPrefixes = false
            var alone: [[Int]] = []
            for tokens in [prompt, other] {
                alone += try await model.generate(tokens: tokens, options: options).completions().map(\.tokens)
            }
            // The first is cancelled where it may be: the others have to go on without it.
            for isCancelled in [false, true] {
                let first = Task {
                    try await model.generate(tokens: prompt, options: Self.greedy).completions()[0].tokens
                }
                if isCancelled { first.cancel() }
                async let second = model.generate(tokens: prompt, options: Self.greedy).completions()[0]
                async let third = model.generate(tokens: other, options: Self.greedy).completions()[0]
                let found = try await [second, third]
                #expect(found.map(\.tokens) == alone)
                if !isCancelled {
                    #expect(try await first.value == alone[0])
                    #expect(found.contains { $0.timings.reusedTokens > 0 })
                }
            }
        }
    }

    // MARK: Ends

    @Test func endTokensEndIt() async throws {
        let fixture = Fixture(name: "llama")
        let reference = try fixture.reference()
        try await withTemporaryFolder { folder in
            // A copy of the model for which a token of the continuation ends the text.
            let copy = folder.appending(path: "model")
            try FileManager.default.copyItem(at: fixture.directory, to: copy)
            let end = reference.greedy[9]
            try Data(#"{"eos_token_id": [\#(end), 3]}"#.utf8).write(to: copy.appending(path: "generation_config.json"))
            let model = try await LocalModel(
                directory: copy,
                options: LocalModel.Options(quantization: .fp32, cache: WeightCache(directory: folder)))
            var options = Self.greedy
            options.ignoresEndTokens = false
            let completion = try await model.generate(tokens: reference.prompt, options: options).completions()[0]
            #expect(completion.tokens == Array(reference.greedy[..<reference.greedy.firstIndex(of: end)!]))
            #expect(completion.ending == .endOfText)
        }
    }

    @Test func theContextIsALimit() async throws {
        let fixture = Fixture(name: "codegen")
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            let context = model.configuration.contextLength
            let options = GenerationOptions(sampling: .greedy, maxNewTokens: 1000, ignoresEndTokens: true)
            let long = Array(repeating: 5, count: context - 3)
            let completion = try await model.generate(tokens: long, options: options).completions()[0]
            #expect(completion.tokens.count == 3)
            #expect(completion.ending == .length)
            let error = await #expect(throws: GenerationError.self) {
                _ = try await model.generate(tokens: long + [5, 5, 5], options: options)
            }
            #expect(error == .contextLength(promptTokens: context, contextTokens: context))
        }
    }

    @Test func optionsThatMakeNoSenseAreRefused() async throws {
        try await withTemporaryFolder { folder in
            let model = try await Fixture(name: "llama").model(cache: folder)
            for options in [
                GenerationOptions(sampling: SamplingOptions(temperature: -1)),
                GenerationOptions(sampling: SamplingOptions(temperature: .nan)),
                GenerationOptions(sampling: SamplingOptions(topK: -1)),
                GenerationOptions(sampling: SamplingOptions(topP: 0)),
                GenerationOptions(sampling: SamplingOptions(repetitionPenalty: 0)),
                GenerationOptions(maxNewTokens: 0), GenerationOptions(samples: 0), GenerationOptions(samples: 65),
                GenerationOptions(stop: [""]),
            ] {
                await #expect(throws: GenerationError.self) {
                    _ = try await model.generate(tokens: [1], options: options)
                }
            }
            await #expect(throws: GenerationError.self) { _ = try await model.generate(tokens: [1, 320]) }
            await #expect(throws: GenerationError.self) { _ = try await model.generate(tokens: [-1]) }
        }
    }

    @Test func textEndsBeforeAStopString() async throws {
        let fixture = Fixture(name: "codegen")
        let prompt = try fixture.reference().prompt
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            let whole = try await model.generate(tokens: prompt, options: Self.greedy).completions()[0].text
            let start = whole.index(whole.startIndex, offsetBy: 6)
            var options = Self.greedy
            options.stop = ["never there", String(whole[start...].prefix(3))]
            var streamed = ""
            var completion: Completion?
            for try await element in try await model.generate(tokens: prompt, options: options) {
                switch element {
                case .text(let text, _): streamed += text
                case .end(let end): completion = end
                }
            }
            let expected = String(whole[..<(try #require(whole.range(of: options.stop[1])).lowerBound)])
            #expect(streamed == expected)
            #expect(completion?.text == expected)
            #expect(completion?.ending == .stopString)
        }
    }

    @Test func whoStopsReadingStopsTheGeneration() async throws {
        let fixture = Fixture(name: "codegen")
        try await withTemporaryFolder { folder in
            let model = try await fixture.model(cache: folder)
            let options = GenerationOptions(sampling: .greedy, maxNewTokens: 100, samples: 64, ignoresEndTokens: true)
            let task = Task {
                var count = 0
                for try await _ in try await model.generate(tokens: [1, 2, 3], options: options) {
                    count += 1
                    if count == 3 { withUnsafeCurrentTask { $0?.cancel() } }
                }
                return count
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            // The batch has room for this one only when the cancelled one has left it.
            let next = try await model.generate(tokens: [1, 2, 3], options: options).completions()
            #expect(next.count == 64)
        }
    }
}

@Suite struct StopStringTests {
    @Test(arguments: [
        (["END"], ["abc", "E", "N", "x"], "abcENx", false), (["END"], ["abE", "ND", "more"], "ab", true),
        (["\n\n", "\ndef"], ["a\n", "  b\n", "\nc"], "a\n  b", true), (["aab"], ["a", "a", "a", "b"], "a", true),
        (["→→"], ["x→", "y→", "→z"], "x→y", true), ([], ["all", " of it"], "all of it", false),
    ])
    func textIsCutBeforeTheFirst(_ stop: [String], _ pieces: [String], _ expected: String, _ ends: Bool) {
        var strings = StopStrings(stop)
        var text = ""
        var isEnd = false
        for piece in pieces where !isEnd {
            let (passed, end) = strings.pass(piece)
            text += passed
            isEnd = end
        }
        if !isEnd { text += strings.flush() }
        #expect(text == expected)
        #expect(isEnd == ends)
    }
}
