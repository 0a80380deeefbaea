// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that nobody who builds swe-agent builds this.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swe-agent", path: "..")],
    targets: [
        .executableTarget(
            name: "DurableStep",
            dependencies: [
                .product(name: "Workflow", package: "swe-agent"),
                .product(name: "TaskStore", package: "swe-agent"),
            ]
        )
    ]
)
