# Needs Python 3.11 or newer (with its venv module) and make; everything else is installed into .venv.
# `make` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-all test-browser screenshots faults counterparts bench lint lock clean

UV_VERSION := 0.13.9
# Python compiled without profile-guided optimisation (pyenv's default) takes a quarter more CPU for each message. Linux distributions
# build theirs with it without saying so; others say so in their configuration.
OPTIMISED := import ensurepip, sys, sysconfig, venv; \
  known = sys.base_prefix == "/usr" or "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""); \
  sys.exit(sys.version_info < (3, 11) or not known)
PYTHONS := python3 /usr/bin/python3
PYTHON ?= $(or $(firstword $(foreach one,$(PYTHONS),$(shell $(one) -c '$(OPTIMISED)' 2>/dev/null && echo $(one)))),python3)
VENV := .venv
BIN := $(VENV)/bin
COUNTERPARTS := .venv-counterparts
DEVELOPMENT := WEGNOLOGY_ENV=development
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

# What runs needs the `run` set of packages; whoever has the larger `dev` set keeps it.
RUN_STAMP := $(if $(wildcard $(VENV)/.dev-installed),$(VENV)/.dev-installed,$(VENV)/.run-installed)

# A mirror configured for pip serves uv too; uv reads none of pip's settings by itself.
export UV_DEFAULT_INDEX ?= $(or $(UV_INDEX_URL),$(PIP_INDEX_URL),$(shell $(BIN)/pip config get global.index-url 2>/dev/null))
export UV_SYSTEM_CERTS ?= 1
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
ifneq ($(PIP_CERT),)
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Set up and run everything on this machine, with a demo (PORT, DEMO_BROKER_PORT, WEGNOLOGY_STATE_DIR)
	@exec env $(DEVELOPMENT) $(BIN)/python manage.py run

# Compiled once, tests (and what they start) load in half the time; some environments forbid it for the sake of containers.
unexport PYTHONDONTWRITEBYTECODE

# Tests mostly wait for servers: four processes side by side keep two cores busy.
PYTEST := $(BIN)/pytest -n 4 --dist worksteal

test: $(VENV)/.dev-installed $(COUNTERPARTS)/.installed ## Check and test; at most ten minutes (ARGS goes to pytest)
	@.ci/packages
	@$(MAKE) --no-print-directory --jobs=2 lint test-postgresql ONLY="not slow"
	$(DEVELOPMENT) $(PYTEST) -m "not slow and not browser" $(ARGS)

test-all: $(VENV)/.dev-installed $(COUNTERPARTS)/.installed ## As test, and the long ones
	@.ci/packages
	@$(MAKE) --no-print-directory --jobs=2 lint test-postgresql ONLY="database"
	$(DEVELOPMENT) $(PYTEST) -m "not browser" $(ARGS)
	@$(MAKE) --no-print-directory test-browser

test-browser: $(VENV)/.dev-installed ## Do in a browser what people do, with everything running (ARGS go to pytest)
	@.ci/packages browser
	$(DEVELOPMENT) $(BIN)/pytest -m browser tests/browser $(ARGS)

screenshots: $(VENV)/.dev-installed ## Take the pictures of docs/images anew
	@.ci/packages browser
	$(DEVELOPMENT) $(BIN)/python -m tests.browser

test-postgresql:
	$(DEVELOPMENT) $(BIN)/python -m tests.servers.postgres $(PYTEST) -q -m "database and ($(ONLY))" $(ARGS)

faults: $(VENV)/.dev-installed $(COUNTERPARTS)/.installed ## Let every type go through every fault, with real processes (ARGS go to pytest: -k mqtt)
	$(DEVELOPMENT) $(BIN)/pytest -n 2 --dist loadgroup -m faults tests/faults -o log_cli=false $(ARGS)

counterparts: $(VENV)/.dev-installed $(COUNTERPARTS)/.installed ## Run servers to point integrations at (ARGS: mqtt, websocket, sqs, particle, azureEventHub)
	@exec env $(DEVELOPMENT) $(BIN)/python -m tests.servers $(ARGS)

bench: $(VENV)/.dev-installed ## Measure (PEER=node-red runs the same work through Node-RED; ARGS are passed on)
	@exec env $(DEVELOPMENT) $(if $(PEER),PEER=$(PEER)) $(BIN)/python -m bench $(ARGS)

lint: $(VENV)/.dev-installed ## Format, lint, types, import rules, migrations, system checks
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(DEVELOPMENT) $(BIN)/mypy .
	$(DEVELOPMENT) $(BIN)/lint-imports
	$(DEVELOPMENT) $(BIN)/python manage.py makemigrations --check --dry-run
	$(DEVELOPMENT) $(BIN)/python manage.py check
	$(DEVELOPMENT) $(BIN)/python manage.py document --check

lock: $(VENV)/.uv-$(UV_VERSION) ## Resolve the dependencies of pyproject.toml again (UPGRADE=1 takes newer ones)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev pyproject.toml --output-file requirements-dev.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --constraints requirements-dev.lock pyproject.toml --output-file requirements.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group pyproject.toml:counterparts --output-file requirements-counterparts.lock

clean: ## Remove the environment and caches; the state folder stays
	rm -rf $(VENV) $(COUNTERPARTS) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) lacks the modules venv and ensurepip. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.uv-$(UV_VERSION): | $(VENV)/bin/python
	@echo "Installing uv $(UV_VERSION) into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@rm -f $(VENV)/.uv-* && touch $@

$(VENV)/.run-installed: requirements.lock $(VENV)/.uv-$(UV_VERSION)
	@echo "Installing the packages of requirements.lock"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@touch $@

$(VENV)/.dev-installed: requirements-dev.lock $(VENV)/.uv-$(UV_VERSION)
	@echo "Installing the packages of requirements-dev.lock"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	@touch $@

$(COUNTERPARTS)/.installed: requirements-counterparts.lock $(VENV)/.uv-$(UV_VERSION)
	@echo "Installing the packages of requirements-counterparts.lock into $(COUNTERPARTS)"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(COUNTERPARTS)
	@$(BIN)/uv pip sync --quiet --python $(COUNTERPARTS)/bin/python --require-hashes requirements-counterparts.lock
	@touch $@
