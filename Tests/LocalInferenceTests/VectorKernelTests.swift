import CKernels
import Foundation
import Testing

@testable import LocalInference

@Suite struct VectorKernelTests {
    /// Below, at and above the widths of all registers.
    static let counts = [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100, 257]

    @Test(arguments: InstructionSet.available) func normalizes(set: InstructionSet) {
        for count in Self.counts {
            var noise = Noise(UInt64(count))
            let x = noise.floats(count).map { 3 * $0 + 10 }
            let weight = noise.floats(count)
            let bias = noise.floats(count)
            let exact = x.map(Double.init)
            let mean = exact.reduce(0, +) / Double(count)
            let variance = exact.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
            let square = exact.reduce(0) { $0 + $1 * $1 } / Double(count)
            var y = [Float](repeating: .nan, count: count)
            set.vector.layer_norm(x, weight, bias, 0.5, count, &y)
            let layer = (0..<count).map {
                (exact[$0] - mean) / (variance + 0.5).squareRoot() * Double(weight[$0]) + Double(bias[$0])
            }
            #expect(relativeError(y, layer) < 1e-5, "\(count)")
            set.vector.rms_norm(x, weight, 0.5, count, &y)
            let rootMeanSquare = (0..<count).map { exact[$0] / (square + 0.5).squareRoot() * Double(weight[$0]) }
            #expect(relativeError(y, rootMeanSquare) < 1e-6, "\(count)")
        }
    }

    @Test(arguments: InstructionSet.available) func appliesSiLU(set: InstructionSet) {
        let extremes: [Float] = [0, -0.0, 1e-30, -1e-30, 90, -90, 1e4, -1e4, 1e30, -1e30]
        for count in Self.counts {
            var noise = Noise(UInt64(count))
            let gate = (extremes + noise.floats(count).map { 5 * $0 }).suffix(count)
            let up = noise.floats(count)
            var x = Array(gate)
            set.vector.silu_multiply(&x, up, count)
            for (result, (gate, up)) in zip(x, zip(gate, up)) {
                let expected = Double(gate) / (1 + exp(-Double(gate))) * Double(up)
                #expect(abs(Double(result) - expected) <= 1e-6 * abs(expected) + 1e-30, "silu(\(gate))")
            }
        }
    }

    @Test(arguments: InstructionSet.available) func appliesGELUToProducts(set: InstructionSet) throws {
        let team = try WorkerTeam(threads: 1)
        // One input of 1: the weights are the outputs.
        let values = stride(from: Float(-12), through: 12, by: 0.01).map { $0 } + [1e4, -1e4, 1e30, -1e30, 0]
        let matrix = try PackedMatrix(rows: values.count, columns: 1, quantization: .fp32, team: team) {
            $1[0] = values[$0]
        }
        let functions: [(MatrixProduct.Function, (Double) -> Double)] = [
            (.geluTanh, { x in x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) }),
            (.gelu, { x in x / 2 * erfc(-x / 2.squareRoot()) }),
        ]
        for (function, definition) in functions {
            var y = [Float](repeating: .nan, count: values.count)
            y.withUnsafeMutableBufferPointer { y in
                let product = MatrixProduct(matrix, into: y.baseAddress!, function: function)
                PackedMatrix.multiply([1], count: 1, products: [product], team: team, kernels: set.kernels)
            }
            for (x, result) in zip(values, y) {
                let expected = definition(Double(x))
                #expect(abs(Double(result) - expected) <= 1e-6 * abs(expected) + 1e-7, "\(function) of \(x)")
            }
        }
    }

    @Test(arguments: InstructionSet.available) func turnsPairs(set: InstructionSet) {
        var noise = Noise(1)
        for pairs in [1, 2, 5, 8, 16, 33] {
            let x = noise.floats(2 * pairs + 3)
            let angles = noise.floats(pairs).map(Double.init)
            let (cosines, sines) = (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
            var (neighbours, halves) = (x, x)
            set.vector.rotate_interleaved(&neighbours, cosines, sines, pairs)
            set.vector.rotate_halves(&halves, cosines, sines, pairs)
            for i in 0..<pairs {
                for (turned, first, second) in [(neighbours, 2 * i, 2 * i + 1), (halves, i, i + pairs)] {
                    let (a, b) = (Double(x[first]), Double(x[second]))
                    #expect(abs(Double(turned[first]) - (a * cos(angles[i]) - b * sin(angles[i]))) < 1e-5)
                    #expect(abs(Double(turned[second]) - (b * cos(angles[i]) + a * sin(angles[i]))) < 1e-5)
                }
            }
            // What is not turned stays.
            #expect(neighbours.suffix(3) == x.suffix(3) && halves.suffix(3) == x.suffix(3))
        }
    }

    @Test(arguments: InstructionSet.available) func convertsEveryHalf(set: InstructionSet) {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        set.vector.float_from_half(halves, halves.count, &floats)
        var back = [UInt16](repeating: 0, count: halves.count)
        set.vector.half_from_float(floats, floats.count, &back)
        var wrong = 0
        for (half, (float, returned)) in zip(halves, zip(floats, back)) {
            let sign: Float = half & 0x8000 == 0 ? 1 : -1
            let (exponent, fraction) = (Int(half >> 10 & 31), Float(half & 1023) / 1024)
            let expected: Float =
                switch exponent {
                case 0: sign * fraction * 0x1p-14
                case 31: fraction == 0 ? sign * .infinity : .nan
                default: sign * (1 + fraction) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
                }
            let same = expected.isNaN ? float.isNaN : expected.bitPattern == float.bitPattern && returned == half
            wrong += same ? 0 : 1
        }
        #expect(wrong == 0)
    }

    @Test(arguments: InstructionSet.available) func roundsToHalfEvenly(set: InstructionSet) {
        // Between two halves, a little off the middle, too small, too large.
        let floats: [Float] = [
            1 + 0x1p-11, 1 + 0x1.8p-10, 1 + 0x1.01p-11, 65519, 65520, 0x1p-25, 0x1.1p-25, 1e30, -1e30,
        ]
        let expected: [UInt16] = [0x3C00, 0x3C02, 0x3C01, 0x7BFF, 0x7C00, 0, 1, 0x7C00, 0xFC00]
        for padding in [0, 16] {
            var halves = [UInt16](repeating: 0, count: floats.count + padding)
            let padded = floats + [Float](repeating: 1, count: padding)
            set.vector.half_from_float(padded, padded.count, &halves)
            #expect(halves.prefix(floats.count).elementsEqual(expected))
        }
    }

    @Test(arguments: InstructionSet.available, [false, true]) func attends(set: InstructionSet, half: Bool) {
        for (dimension, positions) in [(1, 1), (5, 3), (8, 20), (16, 7), (64, 65), (80, 33), (128, 200)] {
            var noise = Noise(UInt64(dimension))
            let queries = Int(CK_ATTENDING)
            let all = positions + queries - 1
            var keys = noise.floats(all * dimension)
            var values = noise.floats(all * dimension)
            var (keyHalves, valueHalves) = (
                [UInt16](repeating: 0, count: keys.count), [UInt16](repeating: 0, count: keys.count)
            )
            if half {
                set.vector.half_from_float(keys, keys.count, &keyHalves)
                set.vector.half_from_float(values, values.count, &valueHalves)
                set.vector.float_from_half(keyHalves, keys.count, &keys)
                set.vector.float_from_half(valueHalves, values.count, &values)
            }
            let query = noise.floats(queries * dimension)
            func attend(_ first: Int, _ count: Int) -> [Float] {
                var output = [Float](repeating: .nan, count: count * dimension)
                var scores = [Float](repeating: .nan, count: Int(CK_ATTENDING) * all)
                func run(_ keys: UnsafeRawPointer, _ values: UnsafeRawPointer) {
                    var attended = ck_attended(
                        keys: keys, values: values, stride: dimension, positions: positions + first, half: half)
                    set.vector.attend(
                        Array(query[(first * dimension)...]), dimension, count, &attended, dimension, 0.3, &scores,
                        &output, dimension)
                }
                if half { run(keyHalves, valueHalves) } else { run(keys, values) }
                return output
            }
            let together = attend(0, queries)
            for q in 0..<queries {
                let alone = attend(q, 1)
                #expect(alone == Array(together[q * dimension..<(q + 1) * dimension]))
                let scores = (0..<positions + q).map { p in
                    exp(
                        0.3
                            * (0..<dimension).reduce(0.0) {
                                $0 + Double(query[q * dimension + $1]) * Double(keys[p * dimension + $1])
                            })
                }
                let total = scores.reduce(0, +)
                let expected = (0..<dimension).map { i in
                    scores.indices.reduce(0.0) { $0 + scores[$1] * Double(values[$1 * dimension + i]) } / total
                }
                #expect(relativeError(alone, expected) < 1e-5, "\(dimension) × \(positions)")
            }
        }
    }
}
