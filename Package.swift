// swift-tools-version: 6.2

import PackageDescription

/// Every target of ours: Swift 6 mode, explicit `any`, no leaking imports, and no warnings.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let dequeModule = product(name: "DequeModule", package: "swift-collections")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioConcurrencyHelpers = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioFoundationCompat = product(name: "NIOFoundationCompat", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioWebSocket = product(name: "NIOWebSocket", package: "swift-nio")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let yams = product(name: "Yams", package: "Yams")
}

// One folder a room, from the door down to the ground; a room imports only rooms below it (see docs/architecture.md).
let package = Package(
    name: "swe-agent",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "swe-agent", targets: ["swe-agent"]),
        .library(name: "Workflow", targets: ["Workflow"]),
        .library(name: "TaskStore", targets: ["TaskStore"]),
        // For Benchmarks/cluster.
        .library(name: "Sandboxes", targets: ["Sandboxes"]),
        .library(name: "KubernetesClient", targets: ["KubernetesClient"]),
        .library(name: "ClusterTestSupport", targets: ["ClusterTestSupport"]),
        // For tests: loaded into the program with LD_PRELOAD.
        .library(name: "DiskFaults", type: .dynamic, targets: ["DiskFaults"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .executableTarget(
            name: "swe-agent",
            dependencies: [
                "Server", "Agents", "TaskStore", "Sandboxes", "KubernetesClient", "LanguageModels", "LocalInference",
                "ModelHub", "Workflow",
                .argumentParser, .asyncHTTPClient, .configuration, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1,
                .nioPosix, .serviceLifecycle, .unixSignals,
            ],
            // In the code and not beside it, so that the program is one file that works from anywhere.
            resources: [.embedInCode("Demo/Example"), .embedInCode("Demo/trajectory.jsonl")],
            swiftSettings: settings
        ),
        .target(
            name: "Server",
            dependencies: [
                "Agents", "Workflow", .crypto, .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore,
                .nioHTTP1, .nioHTTPTypes, .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Agents",
            dependencies: ["Workflow", "LanguageModels", "Sandboxes", .dequeModule, .logging],
            swiftSettings: settings
        ),
        .target(
            name: "TaskStore", dependencies: ["Workflow", .grdb, .logging, .nioCore, .nioPosix], swiftSettings: settings
        ),
        .target(
            name: "Sandboxes",
            dependencies: [
                "CConfinement", "KubernetesClient", .crypto, .logging, .nioCore, .subprocess, .systemPackage, .yams,
            ],
            swiftSettings: settings
        ),
        .target(name: "CConfinement", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "LanguageModels",
            dependencies: [
                "LocalInference", "ModelHub", .asyncHTTPClient, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .target(name: "LocalInference", dependencies: ["CKernels", .logging], swiftSettings: settings),
        .target(
            name: "ModelHub",
            dependencies: [.asyncHTTPClient, .crypto, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1],
            swiftSettings: settings
        ),
        .target(
            name: "KubernetesClient",
            dependencies: [
                .asyncHTTPClient, .nioConcurrencyHelpers, .nioCore, .nioFoundationCompat, .nioHTTP1, .nioPosix, .nioSSL,
                .nioWebSocket, .subprocess, .systemPackage, .yams,
            ],
            swiftSettings: settings
        ),
        // Optimised in debug builds too: a test of a model is as fast as its kernels.
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
        .target(name: "Workflow", dependencies: [.logging], swiftSettings: settings),

        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "swe-agent", "Agents", "ClusterTestSupport", "KubernetesClient", "LanguageModels", "ModelHub",
                "Sandboxes", "TestSupport",
                "Workflow", .asyncHTTPClient, .hummingbird, .httpTypes, .logging, .nioCore, .nioFoundationCompat,
                .nioHTTP1,
                .subprocess,
                .systemPackage,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "DiskFaults", path: "Tests/DiskFaults",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "TestSupport",
            dependencies: [
                "LanguageModels", "Sandboxes", .asyncHTTPClient, .crypto, .hummingbird, .logging, .nioCore,
                .serviceLifecycle, .subprocess, .systemPackage,
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "Agents", "TaskStore", "Sandboxes", "LanguageModels", "Workflow", "TestSupport",
                .asyncHTTPClient, .logging, .nioCore, .nioFoundationCompat, .nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Server", "Agents", "TaskStore", "Sandboxes", "KubernetesClient", "LanguageModels", "LocalInference",
                "TestSupport", .logging,
            ],
            path: "Tests/FuzzTargets",
            // Read in place, by path.
            exclude: ["README.md", "Seeds"],
            swiftSettings: settings
        ),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"], swiftSettings: settings),
        .target(
            name: "ClusterTestSupport",
            dependencies: [
                "KubernetesClient", .nioConcurrencyHelpers, .nioCore, .nioFoundationCompat, .nioHTTP1, .nioPosix,
                .nioSSL,
                .nioWebSocket, .subprocess, .systemPackage, .yams,
            ],
            path: "Tests/ClusterTestSupport",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KubernetesClientTests",
            dependencies: [
                "KubernetesClient", "ClusterTestSupport", "TestSupport", .nioCore, .subprocess, .systemPackage,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SandboxesTests",
            dependencies: [
                "swe-agent", "Sandboxes", "KubernetesClient", "ClusterTestSupport", "TestSupport", .logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "WorkflowTests", dependencies: ["Workflow", "TaskStore"], swiftSettings: settings),
        .testTarget(
            name: "TaskStoreTests", dependencies: ["Workflow", "TaskStore", .grdb],
            // Read in place, by path: they are not copied beside the tests.
            exclude: ["Fixtures"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LanguageModelsTests",
            dependencies: [
                "LanguageModels", "LocalInference", "ModelHub", "TestSupport", .asyncHTTPClient, .nioCore, .nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "LocalInferenceTests", dependencies: ["LocalInference", "CKernels"],
            // Read in place, by path: they are not copied beside the tests.
            exclude: ["Fixtures"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ModelHubTests",
            dependencies: [
                "ModelHub", "TestSupport", .asyncHTTPClient, .crypto, .hummingbird, .httpTypes, .logging, .nioCore,
                .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentsTests",
            dependencies: ["Agents", "Sandboxes", "LanguageModels", "TaskStore", "TestSupport", "Workflow"],
            swiftSettings: settings),
    ]
)

// What `make fuzz` builds: our code optimised, as it is used, and telling libFuzzer which way it takes.
if Context.environment["FUZZ"] != nil {
    for target in package.targets where target.swiftSettings != nil {
        target.swiftSettings? += [.unsafeFlags(["-O", "-sanitize=fuzzer"])]
    }
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
        .executableTarget(
            name: "swe-agent-fuzz", dependencies: ["CLibFuzzer", "FuzzTargets"], path: "Tests/Fuzzer",
            swiftSettings: settings, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
}
