public import Foundation
import Logging

/// Where packed weights are kept, so that a model is packed once and later loads only map a file, which all processes
/// that use the model share.
///
/// A file is written under another name and then renamed, so that none is ever seen half-written; of two processes that
/// pack the same model, the later one's file stays. A file that is damaged, or was packed from other weights or for
/// another layout, is packed anew.
public struct WeightCache: Sendable {
    public let directory: URL

    public init(directory: URL) {
        self.directory = directory
    }

    /// `models` in `SWE_AGENT_CACHE`, or in `swe-agent` under `XDG_CACHE_HOME` or `~/.cache`.
    public static func standard(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> WeightCache {
        func place(_ variable: String) -> URL? {
            guard let path = environment[variable], !path.isEmpty else { return nil }
            return URL(filePath: path)
        }
        let root =
            place("SWE_AGENT_CACHE") ?? place("XDG_CACHE_HOME")?.appending(path: "swe-agent")
            ?? (place("HOME") ?? FileManager.default.temporaryDirectory).appending(path: ".cache/swe-agent")
        return WeightCache(directory: root.appending(path: "models"))
    }

    /// Removes what is kept of a model, in all quantizations.
    public func remove(modelAt model: URL) {
        for quantization in Quantization.allCases {
            try? FileManager.default.removeItem(at: file(forModelAt: model, quantization))
        }
    }

    func file(forModelAt model: URL, _ quantization: Quantization) -> URL {
        let path = model.standardizedFileURL.path
        let name = model.lastPathComponent.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        var hash = FNV1a()
        hash.combine(path)
        return directory.appending(path: "\(name.prefix(40))-\(hash.hexadecimal)-\(quantization.rawValue).weights")
    }

    /// The packed weights of a model: mapped from the cache, where they are written first if they are not there.
    ///
    /// - Throws: ``CheckpointError``.
    func weights(
        ofModelAt model: URL, _ plan: WeightPlan, _ quantization: Quantization, team: WorkerTeam, logger: Logger
    ) throws -> PackedWeights {
        let fingerprint = try Self.fingerprint(ofModelAt: model, plan)
        let file = file(forModelAt: model, quantization)
        if let mapped = WeightFile.map(file.path, plan, fingerprint, team: team) { return mapped }
        let checkpoint = try Checkpoint(directory: model)
        logger.info("packing the weights", metadata: ["model": "\(model.path)", "into": "\(file.path)"])
        do {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try WeightFile.write(file.path, plan, fingerprint) { store in
                try PackedWeights.pack(plan, from: checkpoint, team: team, store: store)
            }
            if let mapped = WeightFile.map(file.path, plan, fingerprint, team: team) { return mapped }
            logger.warning("the packed weights were removed at once", metadata: ["file": "\(file.path)"])
        } catch let error as CheckpointError {
            throw error
        } catch {
            logger.warning(
                "cannot keep the packed weights, so each start packs them anew: \((error as? WeightFile.SystemError)?.description ?? error.localizedDescription)",
                metadata: ["file": "\(file.path)"])
        }
        return try PackedWeights(packing: plan, from: checkpoint, team: team)
    }

    /// Changes when the model's files, the packed layout or the plan do.
    private static func fingerprint(ofModelAt model: URL, _ plan: WeightPlan) throws(CheckpointError) -> UInt64 {
        var hash = FNV1a()
        hash.combine("layout \(PackedMatrix.layout)")
        for item in plan.items { hash.combine("\(item.key) \(item.kind) \(item.tensors) \(item.offset)") }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: model.path) else {
            throw CheckpointError("there is no directory \(model.path)")
        }
        for name in names.sorted() where [".safetensors", ".bin", ".json"].contains(where: name.hasSuffix) {
            var status = stat()
            guard stat(model.path + "/" + name, &status) == 0 else { continue }
            hash.combine("\(name) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)")
        }
        return hash.value
    }
}

/// A hash that is the same in every process. Source: Fowler, Noll and Vo, FNV-1a of 64 bits.
struct FNV1a {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ text: String) {
        for byte in text.utf8 { combine(byte) }
        combine(UInt8(0))
    }

    mutating func combine(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { combine(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    mutating func combine(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    var hexadecimal: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
