# What a developer does here, one target each; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lock protos check test test-fast fuzz images install demo measure bench-engine bench-autoscale down

PYTHON ?= python3.11
MINUTES ?= 10
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'
COMPILE_AS_DEV := $(COMPILE) --constraint requirements/dev.lock

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: .venv/complete .clients/complete ## Make .venv and .clients from the lock files

.venv/complete: pyproject.toml requirements/build.lock requirements/dev.lock
	scripts/prepare $(PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/build.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# Stock clients to test the server with, as their users have them: their pins are not ours.
.clients/complete: requirements/clients.lock | .venv/complete
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .clients
	$(BIN)/uv pip install --quiet --python .clients/bin/python --require-hashes --requirement $<
	touch $@

lock: setup ## Write requirements/*.lock anew (UPGRADE=--upgrade: with the newest of everything)
	$(COMPILE) $(UPGRADE) pyproject.toml --all-extras --group dev --output-file requirements/dev.lock
	for extra in operator runtime freeze client; do \
	  $(COMPILE_AS_DEV) pyproject.toml --extra $$extra --output-file requirements/$$extra.lock; done
	$(COMPILE_AS_DEV) --group build --output-file requirements/build.lock
	for group in go node clients; do \
	  $(COMPILE) $(UPGRADE) --group $$group --output-file requirements/$$group.lock; done

protos: setup ## Write descriptors.binpb of runtime/frazil_runtime/protos anew
	cd runtime/frazil_runtime/protos; ../../../$(BIN)/python -m grpc_tools.protoc --proto_path=. \
	  --include_imports --descriptor_set_out=descriptors.binpb *.proto

check: setup ## Lint, formatting, types, who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test-fast: check ## The checks and the pure tests: seconds
	$(BIN)/pytest -m "not tensorflow and not integration and not e2e and not devcluster_cycle"

test: check ## Everything, on a devcluster of its own (KEEP=1 leaves it running)
	$(BIN)/pytest -m "not e2e"
	devcluster/devcluster down
	trap '[[ "$(KEEP)" ]] || devcluster/devcluster down' EXIT; \
	scripts/install-devcluster; $(BIN)/pytest -m e2e

fuzz: setup ## Requests that nobody thought of, to every codec, each time others (MINUTES=10, in rounds of some)
	end=$$((SECONDS + 60 * $(MINUTES))); while ((SECONDS < end)); do \
	  $(BIN)/pytest -q -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$RANDOM$$RANDOM \
	    tests/contract tests/runtime/protocol tests/runtime/transport tests/runtime/test_*.py; done

images: setup ## Build the container images and print their sizes
	scripts/images

install: setup ## Install the chart on the devcluster, which is started if need be
	scripts/install-devcluster

demo: install ## From a checkpoint in a bucket to predictions, and on to a better checkpoint
	$(BIN)/python -m examples.demo

measure: down install ## Fill the tables of docs/measurements.md, on a devcluster that does nothing else
	$(BIN)/python -m bench.measure

bench-engine: setup ## The engine beside a bare server and the session alone; a miss; its start; its memory
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.engine.miss
	$(BIN)/python -m bench.engine.start
	$(BIN)/python -m bench.engine.leak

bench-autoscale: setup ## The autoscaler beside others' published rules, on a fleet in simulation
	$(BIN)/python -m bench.autoscale

down: ## Take the devcluster away
	devcluster/devcluster down
