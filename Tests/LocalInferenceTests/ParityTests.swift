import Testing

@testable import LocalInference

/// What Transformers computes, computed here.
@Suite struct ParityTests {
    @Test(arguments: Fixture.all) func logitsAreThoseOfTransformers(_ fixture: Fixture) throws {
        let tokens = try fixture.reference().prompt
        let logits = try fixture.transformer().logits(of: tokens, pieces: [tokens.count])
        #expect(relativeError(of: logits, to: try fixture.logits()) <= 1e-4)
    }

    @Test(arguments: Fixture.all) func cachedKeysAndValuesChangeNothing(_ fixture: Fixture) throws {
        let tokens = try fixture.reference().prompt
        let transformer = try fixture.transformer()
        let whole = try transformer.logits(of: tokens, pieces: [tokens.count])
        let single = try transformer.logits(of: tokens, pieces: Array(repeating: 1, count: tokens.count))
        let pieces = try transformer.logits(of: tokens, pieces: [7, 1, 20, tokens.count - 28])
        #expect(whole == single)
        #expect(whole == pieces)
    }

    @Test(arguments: Fixture.all, Quantization.allCases)
    func sequencesOfABatchDoNotTouchEachOther(_ fixture: Fixture, _ quantization: Quantization) throws {
        let tokens = try fixture.reference().prompt
        let transformer = try fixture.transformer(quantization)
        let prompts = [tokens, Array(tokens.reversed()), Array(tokens[5..<12]), [tokens[3]]]
        let alone = try prompts.map { try #require(transformer.logits(of: $0, pieces: [$0.count]).last) }
        let segments = try prompts.map {
            Transformer.Segment(
                cache: try transformer.makeCache(capacity: $0.count), tokens: $0, position: 0, logitRows: 1)
        }
        let logits = transformer.forward(segments)
        #expect(segments.indices.map { Array(logits.row(logits.firstRow[$0])) } == alone)
    }

    @Test(arguments: Fixture.all) func threadsChangeNothing(_ fixture: Fixture) throws {
        let tokens = try fixture.reference().prompt
        let one = try fixture.transformer(.int8, threads: 1).logits(of: tokens, pieces: [tokens.count])
        let three = try fixture.transformer(.int8, threads: 3).logits(of: tokens, pieces: [tokens.count])
        #expect(one == three)
    }

    @Test(arguments: Fixture.all) func aCopiedCacheContinuesLikeItsOriginal(_ fixture: Fixture) throws {
        let tokens = try fixture.reference().prompt
        let transformer = try fixture.transformer()
        let expected = try #require(transformer.logits(of: tokens, pieces: [tokens.count]).last)
        let first = try transformer.makeCache(capacity: 64)
        _ = transformer.forward([
            Transformer.Segment(cache: first, tokens: Array(tokens.dropLast()), position: 0, logitRows: 0)
        ])
        let second = try transformer.makeCache(capacity: tokens.count)
        second.copy(from: first, count: tokens.count - 1)
        let segment = Transformer.Segment(
            cache: second, tokens: [tokens.last!], position: tokens.count - 1, logitRows: 1)
        #expect(Array(transformer.forward([segment]).row(0)) == expected)
    }

    /// Bounds that a mistake in a kernel or in a layout would be far beyond. Two layers of large random weights show larger
    /// errors than trained models do.
    @Test(arguments: Fixture.all, [(Quantization.bf16, 0.02), (.int8, 0.15), (.int4, 0.6)])
    func smallerWeightsStayNear(_ fixture: Fixture, _ bound: (Quantization, Double)) throws {
        let tokens = try fixture.reference().prompt
        let logits = try fixture.transformer(bound.0).logits(of: tokens, pieces: [tokens.count])
        let error = rootMeanSquareError(of: logits, to: try fixture.logits())
        #expect(error <= bound.1)
        // Exactly the reference would be the wrong weights.
        #expect(error > 1e-4)
    }
}

/// The greatest error of a number, relative to the greatest number.
func relativeError(of logits: [[Float]], to reference: [[Float]]) -> Double {
    guard logits.map(\.count) == reference.map(\.count) else { return .infinity }
    let pairs = zip(logits.joined(), reference.joined())
    let error = pairs.map { abs(Double($0) - Double($1)) }.max() ?? .infinity
    return error / (reference.joined().map { abs(Double($0)) }.max() ?? 0)
}

/// Relative to the root mean square of the reference.
func rootMeanSquareError(of logits: [[Float]], to reference: [[Float]]) -> Double {
    guard logits.map(\.count) == reference.map(\.count) else { return .infinity }
    let errors = zip(logits.joined(), reference.joined()).map { (Double($0) - Double($1)) * (Double($0) - Double($1)) }
    return (errors.reduce(0, +) / reference.joined().reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
}
