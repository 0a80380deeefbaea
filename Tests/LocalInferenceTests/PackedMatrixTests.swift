import CKernels
import Foundation
import Testing

@testable import LocalInference

@Suite struct PackedMatrixTests {
    struct Size: Sendable, CustomTestStringConvertible {
        var rows: Int
        var columns: Int

        var testDescription: String { "\(rows) × \(columns)" }

        static let odd: [Size] = [
            Size(rows: 1, columns: 1), Size(rows: 3, columns: 7), Size(rows: 16, columns: 32),
            Size(rows: 17, columns: 33),
            Size(rows: 50, columns: 64), Size(rows: 33, columns: 31), Size(rows: 100, columns: 257),
            Size(rows: 130, columns: 1056),
        ]
    }

    /// How far a row may be from what was packed, relative to its size.
    static func tolerance(_ quantization: Quantization) -> Double {
        switch quantization {
        case .fp32: 0
        case .bf16: 0.003
        case .int8: 0.006
        case .int4: 0.1
        }
    }

    static func pack(
        _ values: [Float], _ size: Size, _ quantization: Quantization, team: WorkerTeam
    ) throws -> PackedMatrix {
        try PackedMatrix(rows: size.rows, columns: size.columns, quantization: quantization, team: team) {
            row, buffer in
            _ = buffer.update(fromContentsOf: values[row * size.columns..<(row + 1) * size.columns])
        }
    }

    static func unpack(_ matrix: PackedMatrix) -> [Float] {
        (0..<matrix.rows).flatMap { row in
            [Float](unsafeUninitializedCapacity: matrix.columns) { buffer, count in
                matrix.copyRow(row, into: buffer.baseAddress!)
                count = matrix.columns
            }
        }
    }

    static func multiply(
        _ matrix: PackedMatrix, _ x: [Float], count: Int, bias: [Float]? = nil,
        function: MatrixProduct.Function = .identity,
        onto start: [Float]? = nil, team: WorkerTeam, kernels: UnsafePointer<ck_kernels> = Kernels.best
    ) -> [Float] {
        var y = start ?? [Float](repeating: .nan, count: count * matrix.rows)
        withUnsafePointers(&y, bias) { y, bias in
            let product = MatrixProduct(matrix, into: y, bias: bias, function: function, accumulates: start != nil)
            PackedMatrix.multiply(x, count: count, products: [product], team: team, kernels: kernels)
        }
        return y
    }

    @Test(arguments: Quantization.allCases, Size.odd) func givesBackWhatWasPacked(
        quantization: Quantization, size: Size
    ) throws {
        var noise = Noise(1)
        let values = noise.floats(size.rows * size.columns)
        let team = try WorkerTeam(threads: 2)
        let matrix = try Self.pack(values, size, quantization, team: team)
        #expect(relativeError(Self.unpack(matrix), values.map(Double.init)) <= Self.tolerance(quantization))
        let again = PackedMatrix(
            rows: size.rows, columns: size.columns, quantization: quantization, mapped: matrix.bytes, owner: matrix)
        #expect(Self.unpack(again) == Self.unpack(matrix))
    }

    @Test(arguments: [Quantization.int8, .int4]) func quantizesExtremesSafely(quantization: Quantization) throws {
        let team = try WorkerTeam(threads: 1)
        let size = Size(rows: 4, columns: 64)
        var values = [Float](repeating: 0, count: size.rows * size.columns)
        values[70] = 1e-30
        values[130] = 3e38
        values[131] = -3e38
        values[200] = .nan
        let matrix = try Self.pack(values, size, quantization, team: team)
        let unpacked = Self.unpack(matrix)
        #expect(unpacked[0..<64].allSatisfy { $0 == 0 })
        #expect(unpacked[64..<128].allSatisfy { abs($0) < 1e-7 })
        #expect(unpacked[130] > 4e5 && unpacked[131] < -4e5)
    }

    @Test(arguments: InstructionSet.available, Quantization.allCases) func multipliesLikeTheDefinition(
        set: InstructionSet, quantization: Quantization
    ) throws {
        let team = try WorkerTeam(threads: 2)
        for (seed, size) in Size.odd.enumerated() {
            var noise = Noise(UInt64(seed))
            let matrix = try Self.pack(noise.floats(size.rows * size.columns), size, quantization, team: team)
            let weights = Self.unpack(matrix)
            let bias = noise.floats(size.rows)
            for count in [1, 2, 3, 5, 8, 13, 70] {
                let x = noise.floats(count * size.columns)
                let y = Self.multiply(matrix, x, count: count, bias: bias, team: team, kernels: set.kernels)
                // A sample: the definition is slow.
                var sample: [Float] = []
                var expected: [Double] = []
                for _ in 0..<40 {
                    let (i, row) = (
                        Int.random(in: 0..<count, using: &noise), Int.random(in: 0..<size.rows, using: &noise)
                    )
                    sample.append(y[i * size.rows + row])
                    let products = zip(
                        weights[row * size.columns..<(row + 1) * size.columns],
                        x[i * size.columns..<(i + 1) * size.columns])
                    expected.append(products.reduce(Double(bias[row])) { $0 + Double($1.0) * Double($1.1) })
                }
                // Activations are quantised too; AVX-512 rounds them to bfloat16.
                let tolerance =
                    switch quantization {
                    case .fp32: 2e-6
                    case .bf16: set.name == "avx512" ? 0.01 : 2e-6
                    case .int8, .int4: 0.02
                    }
                #expect(relativeError(sample, expected) < tolerance, "\(size) count \(count)")
            }
        }
    }

    @Test(arguments: InstructionSet.available, [Quantization.int8, .int4]) func quantizedLikeThePortableKernel(
        set: InstructionSet, quantization: Quantization
    ) throws {
        let team = try WorkerTeam(threads: 1)
        let portable = try #require(ck_kernels_for(CK_PORTABLE))
        for size in Size.odd {
            var noise = Noise(9)
            // All weights and activations at the ends of their ranges are where 16-bit sums would overflow first.
            let ends = (0..<size.rows * size.columns).map { _ in Bool.random(using: &noise) ? Float(1) : -1 }
            for weights in [noise.floats(size.rows * size.columns), ends, ends.map(abs), ends.map { -abs($0) }] {
                let matrix = try Self.pack(weights, size, quantization, team: team)
                for x in [noise.floats(9 * size.columns), Array(repeating: 3, count: 9 * size.columns)] {
                    let expected = Self.multiply(matrix, x, count: 9, team: team, kernels: portable)
                    let y = Self.multiply(matrix, x, count: 9, team: team, kernels: set.kernels)
                    #expect(relativeError(y, expected.map(Double.init)) < 1e-6, "\(size)")
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available, Quantization.allCases) func sameToTheBitAloneAndInABatch(
        set: InstructionSet, quantization: Quantization
    ) throws {
        let teams = try [1, 2, 3].map { try WorkerTeam(threads: $0) }
        for size in Size.odd + [Size(rows: 512, columns: 128)] {
            var noise = Noise(5)
            let matrix = try Self.pack(noise.floats(size.rows * size.columns), size, quantization, team: teams[1])
            let bias = noise.floats(size.rows)
            let count = 77
            let x = noise.floats(count * size.columns)
            let alone = (0..<count).flatMap { i in
                Self.multiply(
                    matrix, Array(x[i * size.columns..<(i + 1) * size.columns]), count: 1, bias: bias,
                    function: .geluTanh, team: teams[0], kernels: set.kernels)
            }
            for team in teams {
                for batch in [2, 4, 7, 8, 31, count] {
                    let y = Self.multiply(
                        matrix, Array(x[..<(batch * size.columns)]), count: batch, bias: bias, function: .geluTanh,
                        team: team, kernels: set.kernels)
                    #expect(y == Array(alone[..<(batch * size.rows)]), "\(size) batch \(batch) threads \(team.count)")
                }
            }
        }
    }

    @Test(arguments: InstructionSet.available) func appliesBiasFunctionAndResidual(set: InstructionSet) throws {
        let team = try WorkerTeam(threads: 2)
        let size = Size(rows: 21, columns: 40)
        var noise = Noise(3)
        let matrix = try Self.pack(noise.floats(size.rows * size.columns), size, .fp32, team: team)
        let x = noise.floats(3 * size.columns)
        let bias = noise.floats(size.rows)
        let residual = noise.floats(3 * size.rows)
        let plain = Self.multiply(matrix, x, count: 3, team: team, kernels: set.kernels)
        let expected = plain.indices.map { i in
            let sum = Double(plain[i] + bias[i % size.rows])
            return sum / 2 * erfc(-sum / 2.squareRoot()) + Double(residual[i])
        }
        let y = Self.multiply(
            matrix, x, count: 3, bias: bias, function: .gelu, onto: residual, team: team, kernels: set.kernels)
        #expect(relativeError(y, expected) < 1e-6)
    }

    @Test func multipliesSeveralMatricesInOneGo() throws {
        let team = try WorkerTeam(threads: 3)
        var noise = Noise(4)
        let sizes = [Size(rows: 40, columns: 64), Size(rows: 7, columns: 64), Size(rows: 100, columns: 64)]
        let matrices = try zip(sizes, [Quantization.int4, .fp32, .int8]).map { size, quantization in
            try Self.pack(noise.floats(size.rows * size.columns), size, quantization, team: team)
        }
        let x = noise.floats(5 * 64)
        // Side by side in one row of outputs, as fused projections are.
        let stride = sizes.reduce(0) { $0 + $1.rows }
        var together = [Float](repeating: 0, count: 5 * stride)
        together.withUnsafeMutableBufferPointer { y in
            var start = 0
            var products: [MatrixProduct] = []
            for matrix in matrices {
                products.append(MatrixProduct(matrix, into: y.baseAddress! + start, stride: stride))
                start += matrix.rows
            }
            PackedMatrix.multiply(x, count: 5, products: products, team: team)
        }
        let apart = matrices.map { Self.multiply($0, x, count: 5, team: team) }
        let expected = (0..<5).flatMap { i in
            zip(matrices, apart).flatMap { matrix, y in y[i * matrix.rows..<(i + 1) * matrix.rows] }
        }
        #expect(together == expected)
    }

    @Test func rethrowsWhatARowThrows() throws {
        struct Unreadable: Error {}
        let team = try WorkerTeam(threads: 2)
        #expect(throws: Unreadable.self) {
            try PackedMatrix(rows: 100, columns: 8, quantization: .int8, team: team) { row, _ in
                if row == 77 { throw Unreadable() }
            }
        }
    }
}

private func withUnsafePointers(
    _ y: inout [Float], _ bias: [Float]?, _ body: (UnsafeMutablePointer<Float>, UnsafePointer<Float>?) -> Void
) {
    y.withUnsafeMutableBufferPointer { y in
        if let bias {
            bias.withUnsafeBufferPointer { body(y.baseAddress!, $0.baseAddress) }
        } else {
            body(y.baseAddress!, nil)
        }
    }
}
