# Every target here is what CI runs. `make demo` and `make test` do all their set-up themselves: they need Rust and
# Python 3.11 or newer, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo test unit model localstack python sweep core lint fmt docs schema bench deny check

# Backtraces of panicking tests cost more time than the tests do.
export RUST_BACKTRACE ?= 0

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## a healthy canary to promoted, then a bad one to rolled back, on LocalStack
	@scripts/demo

test: unit model python localstack ## every test
	@echo "make test: all layers passed"

unit: ## unit tests and the suite over the simulated cloud
	@cargo test --quiet --lib --bins --test suite

model: ## every interleaving of small plans; prints the states explored
	@cargo test --quiet --test model -- --nocapture

python: ## lints and tests of our LocalStack package
	@localstack/tide-aws test

# The worlds share one account: with Route 53's rate, which localstack/tests has, setting them up would take longer than
# the tests; CodeDeploy's minutes are shortened for the same reason. The faults come by themselves: a hundred runs beside
# them would make those who measure answers under load wait for them. They leave many worlds behind, whose targets are
# asked less often how they are. They are a sample, by a printed seed; `make sweep` runs all of them.
localstack: ## the real binary against a LocalStack process
	@export TIDEGATE_ROUTE53_RATE=0 TIDEGATE_CODEDEPLOY_MINUTE_SECONDS=6
	scripts/with-localstack cargo test --quiet --test localstack -- --test-threads 5 --nocapture --skip faults::
	TIDEGATE_HEALTH_CHECK_SECONDS=1 scripts/with-localstack cargo test --quiet --test localstack -- --nocapture faults::

sweep: ## every fault at every operation, where `make test` takes a sample
	@export TIDEGATE_SWEEP=all TIDEGATE_ROUTE53_RATE=0 TIDEGATE_CODEDEPLOY_MINUTE_SECONDS=6 TIDEGATE_HEALTH_CHECK_SECONDS=1
	scripts/with-localstack cargo test --quiet --test localstack -- --nocapture faults::

core: ## the quick inner loop: no AWS SDK, nothing that needs one
	@cargo test --quiet --no-default-features --lib --test suite --test model

lint: ## formatting, clippy, the wall around the SDKs, generated files
	@cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	cargo clippy --quiet --all-targets --no-default-features -- -D warnings
	$(MAKE) --no-print-directory docs

fmt:
	@cargo fmt

schema: ## write plans/schema.json
	@cargo run --quiet -- schema > plans/schema.json

docs: ## generated files are up to date
	@cargo run --quiet -- schema | diff -u plans/schema.json - || { echo "plans/schema.json is old: run 'make schema'"; exit 1; }

bench: ## process time, memory and API calls; nothing here is a test
	@scripts/bench

deny: ## licences and sources of dependencies; installs cargo-deny where it is missing
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources

check: test lint ## what CI runs
