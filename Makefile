# The commands of this repository. `make` lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/bash

PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)
ANABRANCH := $(TARGET)/release/anabranch
# Tools and virtual environments are made once, and again when what they are made from changes.
DENY := $(TARGET)/tools/bin/cargo-deny
MUTANTS := $(TARGET)/tools/bin/cargo-mutants
TESTS := tests/.venv/installed
PEERS := bench/.venv/installed
MINISTACK := tests/emulators/.venv/installed
E2E := tests/e2e/.venv/installed
LOCAL := localstack/.venv/installed
# npm writes it last.
CDK := infra/node_modules/.package-lock.json
KINESIS_LOCAL := tests/e2e/node_modules/.package-lock.json
LAMBDA := functions/.venv/installed
DYNAMODB_LOCAL := $(TARGET)/dynamodb-local
# CDK calls home otherwise.
export CDK_DISABLE_CLI_TELEMETRY := true
# What tests build is built with the same features everywhere, so that cargo builds it once.
EVERYTHING := --locked --release --workspace --features anabranch/aws

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: build
build: ## build the anabranch command; AWS=1 for the one that talks to AWS
	cargo build --locked --release -p anabranch $(if $(AWS),--features aws)

.PHONY: demo
demo: build ## start the architecture over real events and show an answer change layers
	$(ANABRANCH) demo

.PHONY: test
test: lint pure unit infra mapping parity ## run every check and test; installs what they need

.PHONY: lint
lint: ## formatting, and clippy without warnings
	cargo fmt --all --check
	cargo clippy $(EVERYTHING) --features anabranch-batch/glue --all-targets -- -D warnings

.PHONY: pure
pure: ## show that core depends on no I/O
	tests/core_is_pure.sh

EMULATED := tests/emulators/.venv/bin/python tests/emulators/run.py $(DYNAMODB_LOCAL)

.PHONY: unit
unit: $(MINISTACK) $(DYNAMODB_LOCAL)/fetched ## the tests of the crates, those of the stores on AWS against emulators
	$(EMULATED) cargo test $(EVERYTHING)

# x86_64 or arm64. cargo-lambda links against a glibc that is older than Amazon Linux 2023's. What Lambda
# has to fetch and load as a function starts is kept small: that is worth the longer link.
ARCH ?= x86_64
FUNCTIONS := archive speed query ingest batch authorizer

.PHONY: functions
functions: export CARGO_PROFILE_RELEASE_STRIP = symbols
functions: export CARGO_PROFILE_RELEASE_LTO = fat
functions: export CARGO_TARGET_DIR = $(TARGET)
functions: export PATH := $(abspath $(dir $(LAMBDA))bin):$(PATH)
functions: $(LAMBDA) ## build the functions for AWS into target/lambda; ARCH=arm64 for Graviton
	cargo lambda build --locked --release $(if $(filter arm64,$(ARCH)),--arm64,--x86-64) \
		$(addprefix -p anabranch-,$(FUNCTIONS)) $(addprefix --bin ,$(FUNCTIONS)) --features anabranch-batch/glue
	@for f in $(FUNCTIONS); do \
		printf '%-8s %9d bytes, zipped %9d\n' $$f $$(stat -c %s $(TARGET)/lambda/$$f/bootstrap) \
			$$(zip -9 -q -j - $(TARGET)/lambda/$$f/bootstrap | wc -c); \
	done

.PHONY: aws-stores
aws-stores: $(MINISTACK) $(DYNAMODB_LOCAL)/fetched ## of these, the stores and the command on AWS
	$(EMULATED) cargo test $(EVERYTHING) --lib aws::
	$(EMULATED) cargo test $(EVERYTHING) --bin anabranch --test aws

.PHONY: infra
infra: $(CDK) infra/.venv/installed ## the stack on AWS: types, and what the templates hold
	cd infra && npm run --silent check && npm test --silent

.PHONY: deploy
deploy: ARCH = arm64
deploy: functions $(CDK) ## deploy PROJECT=folder to AWS: see docs/guide/deploy.md
	infra/deploy.sh "$(PROJECT)"

.PHONY: parity
parity: build $(TESTS) ## compare answers with an independent engine
	ANABRANCH=$(ANABRANCH) tests/.venv/bin/python -m pytest tests/parity

# The functions as programs of this machine; `make functions` builds them for Lambda's.
.PHONY: local-functions
local-functions:
	cargo build $(EVERYTHING)

.PHONY: mapping
mapping: $(E2E) ## Lambda's delivery of records, as it is played
	tests/e2e/.venv/bin/python -m pytest tests/event_source_mapping

.PHONY: e2e
e2e: local-functions $(E2E) $(CDK) $(KINESIS_LOCAL) ## deploy the stack to an emulator, and compare its answers under faults
	tests/e2e/.venv/bin/python -m pytest tests/e2e

.PHONY: local-aws
local-aws: local-functions $(LOCAL) $(CDK) ## run the stack of PROJECT=examples/clickstream on an emulator; ENDPOINT=… takes one that runs
	localstack/.venv/bin/python localstack/run.py $(if $(ENDPOINT),--endpoint $(ENDPOINT)) $(PROJECT)

SIMULATE := cargo test --locked --release --quiet -p anabranch-tests --test simulation -- --nocapture

.PHONY: sim
sim: ## run WORLDS=2000 simulated worlds, or the world of SEED=n with its trace
	SEED=$(SEED) STEPS=$(STEPS) WORLDS=$(WORLDS) FIRST=$(FIRST) $(SIMULATE) every_complete_answer

.PHONY: soak
soak: build $(TESTS) ## for MINUTES=10 simulated worlds on all cores, and as long a server killed at random
	MINUTES=$(or $(MINUTES),10) FIRST=$(or $(FIRST),1000000000) $(SIMULATE) every_complete_answer
	tests/.venv/bin/python tests/parity/crash.py $(ANABRANCH) --minutes $(or $(MINUTES),10)

.PHONY: fuzz
fuzz: ## fuzz everything that reads bytes, MINUTES=1 each; TARGET=sql fuzzes one
	fuzz/run.sh $(or $(MINUTES),1) $(if $(findstring command,$(origin TARGET)),$(TARGET))

# First what the unit tests of core find, which is quick, then the rest against the whole system. The
# first run's exit status says that some are left (2) or ran into the time limit (3): the second tells.
.PHONY: mutants
mutants: $(MUTANTS) ## change core in every small way and see a test fail; FILE=… narrows it
	$(MUTANTS) mutants $(if $(FILE),--re '^$(FILE):') --output $(TARGET) -- --lib || [ $$? -eq 2 -o $$? -eq 3 ]
	$(MUTANTS) mutants $(if $(FILE),--re '^$(FILE):') --output $(TARGET) --iterate --test-package anabranch-tests

.PHONY: bench
bench: build $(PEERS) ## measure the fold beside other engines; writes bench/results
	bench/.venv/bin/python bench/fold.py --anabranch $(ANABRANCH)
	bench/.venv/bin/python bench/added_views.py --anabranch $(ANABRANCH)

.PHONY: bench-aws
bench-aws: build $(PEERS) $(MINISTACK) $(DYNAMODB_LOCAL)/fetched ## measure the functions: speed, write units, sizes, cold starts
	cargo build --locked --release -p anabranch-bench --features aws
	bench/.venv/bin/python bench/speed.py --anabranch $(ANABRANCH) --bench $(TARGET)/release/anabranch-bench --write
	cargo build --locked --release $(patsubst functions/%/src/main.rs,-p anabranch-%,$(wildcard functions/*/src/main.rs))
	$(EMULATED) bench/.venv/bin/python bench/cold_start.py $(TARGET)/release --write

.PHONY: deny
deny: $(DENY) ## licences, banned crates and where crates come from
	$(DENY) check licenses bans sources

.PHONY: clean
clean: ## remove what was built, installed and generated
	cargo clean
	rm -rf tests/.venv tests/emulators/.venv tests/e2e/.venv localstack/.venv functions/.venv bench/.venv bench/out
	rm -rf infra/.venv infra/node_modules infra/cdk.out tests/e2e/node_modules

$(DENY):
	cargo install --locked --quiet cargo-deny@0.20.2 --no-default-features --root $(TARGET)/tools

$(CDK): infra/package-lock.json
	@node --eval 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2> /dev/null || { echo "make: no CDK without Node.js 20 or newer" >&2; exit 1; }
	cd infra && npm ci --silent --no-audit --no-fund --ignore-scripts
	touch $@

$(DYNAMODB_LOCAL)/fetched: tests/emulators/pom.xml
	@command -v mvn > /dev/null || { echo "make: no DynamoDB Local without Maven and a JDK 17 (Debian: apt-get install maven openjdk-17-jdk-headless)" >&2; exit 1; }
	rm -rf $(@D)
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies -DoutputDirectory=$(abspath $(@D))
	touch $@

$(MUTANTS):
	cargo install --locked --quiet cargo-mutants@27.1.0 --root $(TARGET)/tools

$(E2E): localstack/requirements.txt

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm > /dev/null || { echo "make: nothing of AWS without Node.js 20 or newer and npm (Debian: apt-get install nodejs npm)" >&2; exit 1; }
	npm ci --prefix $(dir $<) --no-audit --no-fund --loglevel=error
	touch $@

%/.venv/installed: %/requirements.txt
	rm -rf $(@D)
	@$(PYTHON) -m venv $(@D) || { echo "make: no virtual environment without Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
