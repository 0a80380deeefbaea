// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that nobody who builds swe-agent builds this.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swe-agent", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(
            name: "DurableStep",
            dependencies: [
                .product(name: "Workflow", package: "swe-agent"),
                .product(name: "TaskStore", package: "swe-agent"),
            ]
        ),
        .executableTarget(
            name: "ClusterBenchmark",
            dependencies: [
                .product(name: "ClusterTestSupport", package: "swe-agent"),
                .product(name: "KubernetesClient", package: "swe-agent"),
                .product(name: "Sandboxes", package: "swe-agent"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
    ]
)
