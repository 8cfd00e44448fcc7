# `make` lists what there is. Every target does its own set-up; when nothing has changed, that costs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What the shell around us has activated or chosen is not ours.
unexport VIRTUAL_ENV UV_PROJECT_ENVIRONMENT PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

UV := tools/uv
RUN := $(UV) run --no-sync
READY := .venv/.ready
KILLS ?= 50
MINUTES ?= 10
WORKERS ?= auto

.PHONY: help setup demo test check extras bench faults faults-kafka containers fmt generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from uv.lock (uv into .tools/, if there is none)

$(READY): uv.lock pyproject.toml
	@echo "Setting up .venv …"
	@tools/setup
	@touch $@

demo: $(READY) ## the story of the README: staging, production on three stacks, a failure, a retry
	@$(RUN) ownstack demo

test: $(READY) ## all tests but those of faults, faults-kafka and containers; WORKERS=auto files at once
	@$(RUN) pytest --numprocesses=$(WORKERS) --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

check: $(READY) ## lint, form, boundaries, types, generated files fresh
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) lint-imports --no-logo
	$(RUN) mypy
	$(RUN) mypy tools/*.py
	$(RUN) python -m ownstack_contracts.generate --check
	$(RUN) python -m ownstack_api.generate --check
	$(RUN) python -m ownstack.reference --check
	$(UV) lock --check

extras: $(READY) ## build the wheel; install each extra alone and import its main
	@$(RUN) python tools/extras.py

bench: $(READY) ## measure, on both buses or on BUS=embedded|kafka; beside FLOOR=command, if given
	@OWNSTACK_BENCH_BUS="$(BUS)" OWNSTACK_BENCH_FLOOR="$(FLOOR)" PYTHONPATH=. $(RUN) python -m tests.bench.bench

faults: $(READY) ## on one machine: a bus that is killed and damaged, a house that is killed KILLS=50 times
	@OWNSTACK_KILLS=$(KILLS) $(RUN) pytest -s --timeout=3600 tests/faults/bus tests/faults/up

faults-kafka: $(READY) ## on Kafka and PostgreSQL: MINUTES=10 of kills, 20 stops, brokers that go
	@OWNSTACK_FAULT_MINUTES=$(MINUTES) $(RUN) pytest -s tests/faults/kafka

containers: $(READY) ## the images, docker-compose.yml and testcontainers, on a Docker engine of its own (root, Debian)
	@$(RUN) pytest --timeout=1200 tests/containers

fmt: $(READY) ## mend form and lint where that can be done by itself
	$(RUN) ruff check --fix --exit-zero
	$(RUN) ruff format

generate: $(READY) ## write the schemas, AsyncAPI, OpenAPI and references anew
	$(RUN) python -m ownstack_contracts.generate
	$(RUN) python -m ownstack_api.generate
	$(RUN) python -m ownstack.reference

clean: ## remove what was made here, .venv and .tools too
	rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
