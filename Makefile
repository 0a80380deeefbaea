# make help lists the targets. From a fresh clone, `make demo` and `make test` install what is missing and do the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults test-cluster build bench fuzz lint check-manifests clean packages swift

# A program that tasks or tests need, and the Debian/Ubuntu package that has it.
PROGRAMS := git:git rg:ripgrep python3:python3
ifeq ($(shell uname),Linux)
PROGRAMS += bwrap:bubblewrap
# For SANDBOX_NETWORK=on, of which the tests are skipped without it.
test test-faults: PROGRAMS += slirp4netns:slirp4netns
# SQLite's header comes with macOS.
HEADERS := /usr/include/sqlite3.h:libsqlite3-dev
endif

# What starts a cluster.
CLUSTER_TESTS := AgentSandbox|PodSandbox|Cluster

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: packages swift ## install, build, and watch a task from POST to a tested commit
	@swift build --product swe-agent
	@"$$(swift build --show-bin-path)/swe-agent" demo

test: packages swift ## install, build, run all tests, check the formatting
	swift build --build-tests
	@# Apart are those that keep all cores busy for long, which tests with timeouts beside them take badly.
	Tests/run --filter LocalInferenceTests
	Tests/run --no-parallel --filter FaultTests
	Tests/run --no-parallel --filter '$(CLUSTER_TESTS)'
	Tests/run --skip LocalInferenceTests --skip FaultTests --skip '$(CLUSTER_TESTS)'
	swift format lint --strict --recursive Sources Tests Package.swift
	$(MAKE) check-manifests

test-faults: packages swift ## kill, fill, break and load the service, 20 minutes at most; FAULTS=full for the long rounds
	swift build --build-tests
	FAULTS=$${FAULTS:-short} timeout $(if $(filter full,$(FAULTS)),7200,1200) Tests/run --no-parallel \
		--filter 'FaultTests|ClusterBreakdownTests|ClusterCommandTests'

test-cluster: packages swift ## try a cluster: make test-cluster KUBECONFIG=... NAMESPACE=... WORKER_IMAGE=...
	@if [ -z "$(KUBECONFIG)" ] || [ -z "$(NAMESPACE)" ] || [ -z "$(WORKER_IMAGE)" ]; then \
		echo "Name a cluster, a namespace in which pods may be made, and an image with bash, git and tar:" >&2; \
		echo "  make test-cluster KUBECONFIG=~/.kube/config NAMESPACE=default WORKER_IMAGE=registry.example.com/worker:1" >&2; \
		exit 1; \
	fi
	swift build --build-tests
	KUBECONFIG="$(KUBECONFIG)" TEST_CLUSTER_NAMESPACE="$(NAMESPACE)" TEST_CLUSTER_IMAGE="$(WORKER_IMAGE)" \
		Tests/run --no-parallel --filter NamedClusterTests

build: packages swift ## build the program for use: .build/release/swe-agent
	swift build --configuration release --product swe-agent

bench: packages swift ## measure the harness beside its peers; see Benchmarks/README.md
	Benchmarks/run

FUZZ_TARGETS ?= $(notdir $(wildcard Tests/FuzzTargets/Seeds/*))
FUZZ_SECONDS ?= 60
FUZZ_BUILD := .build/fuzz
LIBFUZZER := $(wildcard $(dir $(realpath $(shell command -v swiftc)))../lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a)

fuzz: packages swift ## look for inputs that break readers: FUZZ_SECONDS=60 for each of FUZZ_TARGETS
ifneq ($(LIBFUZZER),)
	FUZZ=1 swift build --product swe-agent-fuzz --scratch-path $(FUZZ_BUILD)
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p $(FUZZ_BUILD)/corpus/$$target && \
		SWIFT_BACKTRACE=enable=no FUZZ_TARGET=$$target $(FUZZ_BUILD)/debug/swe-agent-fuzz \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 -max_len=65536 \
			-artifact_prefix=$(FUZZ_BUILD)/found-$$target- -print_final_stats=1 \
			$(FUZZ_BUILD)/corpus/$$target Tests/FuzzTargets/Seeds/$$target 2>$(FUZZ_BUILD)/$$target.log || \
			{ tail -40 $(FUZZ_BUILD)/$$target.log >&2; exit 1; }; \
		sed -n "s/^stat::number_of_executed_units: */fuzzed: $$target, inputs: /p" $(FUZZ_BUILD)/$$target.log; \
	done
else
	@echo "This toolchain has no libFuzzer: inputs are mutated without its guidance."
	swift build --build-tests
	FAULTS=full Tests/run --no-parallel --filter FuzzFaultTests
endif

lint: swift ## check the formatting
	swift format lint --strict --recursive Sources Tests Package.swift

# Makes environments of Python; what it stands in is a package of its own on Debian.
test check-manifests: MODULES := ensurepip:python3-venv

check-manifests: packages .build/manifest-checks/done ## check k8s/ and the Dockerfiles; fetches its tools from PyPI the first time
	@.build/manifest-checks/bin/python Tests/Manifests/check.py

.build/manifest-checks/done: Tests/Manifests/requirements.txt
	@python3 -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

clean: ## remove what was built
	rm -rf .build

packages:
	@missing=; \
	for pair in $(PROGRAMS); do \
		command -v "$${pair%%:*}" >/dev/null 2>&1 || missing="$$missing $${pair##*:}"; \
	done; \
	for pair in $(HEADERS); do \
		[ -e "$${pair%%:*}" ] || missing="$$missing $${pair##*:}"; \
	done; \
	for pair in $(MODULES); do \
		python3 -c "import $${pair%%:*}" 2>/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "Installing$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	else \
		echo "These packages are missing:$$missing. Install them, for example with: sudo apt-get install$$missing" >&2; \
		exit 1; \
	fi

swift:
	@command -v swift >/dev/null 2>&1 || { \
		echo "Swift 6.2 or newer is missing. Install it from https://www.swift.org/install/ and run make again." >&2; \
		exit 1; \
	}
