# Every target here is what CI runs. `make demo` and `make test` do all their set-up themselves: they need Rust and
# Python 3.11 or newer, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo test build build-rest unit suite model localstack faults python sweep core lint format clippy fmt schema bench deny check

# Backtraces of panicking tests cost more time than the tests do, and bury what these say; whoever wants one sets TRACE.
export RUST_BACKTRACE := $(or $(TRACE),0)

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## a healthy canary to promoted, then a bad one to rolled back, on LocalStack
	@scripts/demo

test: ## every test, what waits beside what computes; the slowest are told at the end
	@scripts/stages python localstack faults unit suite model

build: ## what the LocalStack tests need: the binary and themselves
	@scripts/rust-tests build localstack

build-rest: ## the other Rust tests
	@scripts/rust-tests build unit suite model

unit: ## unit tests
	@scripts/rust-tests unit

suite: ## the suite over the simulated cloud
	@scripts/rust-tests suite

model: ## every interleaving of small plans; prints the states explored
	@scripts/rust-tests model --show-output

python: ## lints and tests of our LocalStack package
	@localstack/tide-aws test --durations 20

# The worlds share one account: with Route 53's rate, which localstack/tests has, setting them up would take longer than
# the tests; CodeDeploy's minutes are shortened for the same reason.
localstack: ## the real binary against a LocalStack process
	@export TIDEGATE_ROUTE53_RATE=0 TIDEGATE_CODEDEPLOY_MINUTE_SECONDS=6
	scripts/with-localstack scripts/rust-tests localstack --test-threads 8 --show-output --skip faults::

# The faults have a LocalStack of their own: a hundred runs would make those wait who measure answers under load. They
# leave many worlds behind, whose targets are asked less often how they are. They are a sample, by a printed seed;
# `make sweep` runs all of them.
faults: ## every operation of AWS going wrong on the wire, in ways that are sampled
	@export TIDEGATE_ROUTE53_RATE=0 TIDEGATE_CODEDEPLOY_MINUTE_SECONDS=6 TIDEGATE_HEALTH_CHECK_SECONDS=1
	scripts/with-localstack scripts/rust-tests localstack --show-output faults::

sweep: export TIDEGATE_SWEEP = all
sweep: suite model faults ## every fault and crash everywhere, where `make test` takes a sample

core: ## the quick inner loop: no AWS SDK, nothing that needs one
	@cargo test --quiet --no-default-features --lib --test suite --test model

lint: format clippy ## formatting, clippy, the wall around the SDKs

format:
	@cargo fmt --check

clippy:
	@cargo clippy --quiet --all-targets -- -D warnings
	# Left out of `cargo test`, it is left out of all targets too.
	cargo clippy --quiet --test localstack -- -D warnings
	cargo clippy --quiet --all-targets --no-default-features -- -D warnings

fmt:
	@cargo fmt

schema: ## write plans/schema.json
	@cargo run --quiet -- schema > plans/schema.json

bench: ## process time, memory and API calls; nothing here is a test
	@scripts/bench

deny: ## licences and sources of dependencies; installs cargo-deny where it is missing
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

check: ## what CI runs: every test and every lint, side by side
	@scripts/stages
