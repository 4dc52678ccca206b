# `make` alone prints what there is to make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)

CARGO := cargo
HOTLINE := target/release/hotline
DEMO := target/demo/hotline

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

.PHONY: needs-cargo
needs-cargo:
	@command -v $(CARGO) >/dev/null || { \
	  echo "make: cargo is missing: install Rust from https://rustup.rs, then open a new shell" >&2; exit 1; }
	@command -v cc >/dev/null || { \
	  echo "make: a C compiler is missing: install one, on Debian with 'apt-get install build-essential'" >&2; exit 1; }

.PHONY: build
build: needs-cargo ## The program, optimised, as target/release/hotline
	$(CARGO) build --release --locked

.PHONY: demo
demo: needs-cargo ## A gateway with simulated seats and citizens; Ctrl-C ends it
	@[ -x $(DEMO) ] || echo "make: the first build takes two minutes on two quiet cores, a later one seconds" >&2
	@$(CARGO) build --locked --profile demo --bin hotline
	@# With job control the demo has the terminal to itself: make would take Ctrl-C for its own end and fail.
	@if [ -t 0 ] && [ -t 1 ]; then set -m; fi; $(DEMO) demo; exit $$?

.PHONY: test
test: needs-cargo ## Everything: installs the peers it tests against, checks the style, runs all tests
	@scripts/setup-test.sh
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked --no-run --tests
	$(CARGO) test --locked --tests --no-fail-fast

.PHONY: survive
survive: needs-cargo ## Kills the gateway 100 times, and upgrades it 100 times, under calls: who stays on the phone (40 minutes)
	SURVIVE=$${SURVIVE:-100} $(CARGO) test --locked --test survive -- --nocapture --test-threads=1

.PHONY: quick
quick: needs-cargo ## The tests beside the code alone: no peers, no sockets beyond loopback
	$(CARGO) test --locked --lib

.PHONY: lint
lint: needs-cargo ## The style alone
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: fmt
fmt: needs-cargo ## Formats the code
	$(CARGO) fmt

.PHONY: bench
bench: needs-cargo ## The benches of the core: parsing, transactions, queues, relay
	$(CARGO) bench --locked --bench core

.PHONY: load
load: build ## A load of calls against a gateway on configs/bench.toml that runs: see docs/benchmarks.md
	@$(HOTLINE) load $(LOAD)

.PHONY: audit
audit: needs-cargo ## Licences, known weaknesses, doubled and unused dependencies (installs its tools: minutes)
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	@$(CARGO) machete --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-machete
	$(CARGO) deny check
	$(CARGO) machete

.PHONY: clean
clean: needs-cargo ## Removes what was built; the journal and the secrets under var/ stay
	$(CARGO) clean
	rm -rf .venv
