# What a developer does here, one target each; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lock check test test-fast images install demo measure down

PYTHON ?= python3.11
BIN := .venv/bin
DEVCLUSTER := devcluster/devcluster
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' pyproject.toml

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: .venv/complete ## Make .venv from the lock files

.venv/complete: pyproject.toml requirements/dev.lock requirements/build.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/build.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

lock: setup ## Resolve pyproject.toml anew into requirements/*.lock (UPGRADE=--upgrade: to the newest)
	$(COMPILE) $(UPGRADE) --all-extras --group dev --output-file requirements/dev.lock
	$(COMPILE) --constraint requirements/dev.lock --extra operator --output-file requirements/operator.lock
	$(COMPILE) --constraint requirements/dev.lock --extra runtime --output-file requirements/runtime.lock
	$(COMPILE) --constraint requirements/dev.lock --extra freeze --output-file requirements/freeze.lock
	$(COMPILE:pyproject.toml=--group build) --constraint requirements/dev.lock --output-file requirements/build.lock

