.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
APP ?= examples/quickstart
PYTEST_ARGS ?= -n auto --dist loadfile

BIN := $(VENV)/bin
PLUGINS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
MANIFESTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help start test check docs bench clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

start: $(VENV)/.host ## Serve the app in APP (examples/quickstart) with the extensions of this repository
	$(BIN)/hosting start $(APP)

test: check ## Check the code, then run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev ## Lint, check the formatting and check the types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	for plugin in $(PLUGINS); do (cd $$plugin && $(abspath $(BIN))/mypy) || exit 1; done

docs: $(VENV)/.dev ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.dev ## Measure the first answer, one invocation with its hooks, and discovery, each beside a peer
	$(BIN)/python -m tests.benchmarks.first_request
	$(BIN)/python -m tests.benchmarks.chain
	$(BIN)/python -m tests.benchmarks.discovery

clean: ## Remove everything that make made
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11; choose another one with: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.host: $(BIN)/python $(MANIFESTS)
	$(PIP) --editable '.[host]' $(PLUGINS:%=--editable %)
	@touch $@

$(VENV)/.dev: $(BIN)/python $(MANIFESTS)
	$(PIP) --editable '.[host,dev]' $(PLUGINS:%=--editable %)
	@touch $@ $(VENV)/.host
