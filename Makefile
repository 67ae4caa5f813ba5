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

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: build
build: ## build the anabranch command
	cargo build --locked --release

.PHONY: demo
demo: build ## start the architecture over real events and show an answer change layers
	$(ANABRANCH) demo

.PHONY: test
test: lint pure unit parity ## run every check and test; installs what they need

.PHONY: lint
lint: ## formatting, and clippy without warnings
	cargo fmt --all --check
	cargo clippy --locked --release --workspace --all-targets -- -D warnings

.PHONY: pure
pure: ## show that core depends on no I/O
	tests/core_is_pure.sh

.PHONY: unit
unit: ## the tests of the crates
	cargo test --locked --release --workspace

.PHONY: parity
parity: build $(TESTS) ## compare answers with an independent engine
	ANABRANCH=$(ANABRANCH) tests/.venv/bin/python -m pytest tests/parity

.PHONY: soak
soak: build $(TESTS) ## kill a running server at random for MINUTES=10 and compare its answers
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

.PHONY: deny
deny: $(DENY) ## licences, banned crates and where crates come from
	$(DENY) check licenses bans sources

.PHONY: clean
clean: ## remove what was built, installed and generated
	cargo clean
	rm -rf tests/.venv bench/.venv bench/out

$(DENY):
	cargo install --locked --quiet cargo-deny@0.20.2 --no-default-features --root $(TARGET)/tools

$(MUTANTS):
	cargo install --locked --quiet cargo-mutants@27.1.0 --root $(TARGET)/tools

%/.venv/installed: %/requirements.txt
	rm -rf $(@D)
	@$(PYTHON) -m venv $(@D) || { echo "make: no virtual environment without Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
