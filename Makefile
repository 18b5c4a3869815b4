# Every target sets up what it needs: a Python 3.11+ and make are enough.
#   VENV=DIR        the environment (default .venv)
#   PYTHON=python3  the interpreter it is made with (default: the first 3.11+ found)
#   PYTEST="..."    more arguments for pytest: make test PYTEST="-k flip -x"

VENV       ?= .venv
ACCEPTANCE ?= ../shared/acceptance
WORKERS    ?= 2
PYTEST     ?=
# The share of fully typed public names, in percent, below which `check` fails.
TYPED      ?= 98

FIND_PYTHON = for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done
PYTHON     ?= $(shell $(FIND_PYTHON))

PY    := $(VENV)/bin/python
PIP   := $(PY) -m pip --disable-pip-version-check install -qq
# A stamp carries the checksum of its lock: a changed lock installs anew, a fresh clone does not.
RUN_STAMP := $(VENV)/.run-$(shell cksum <requirements/run.lock | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements/run.lock requirements/dev.lock | cksum | cut -d' ' -f1)
HERE_STAMP := $(VENV)/.editable-$(shell cksum <pyproject.toml | cut -d' ' -f1)

# The clone at hand is what runs, whatever the environment has installed.
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))

.DEFAULT_GOAL := help
.PHONY: help setup environment python test check demo docs bench acceptance format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(DEV_STAMP) $(HERE_STAMP)  ## make the environment, with the tools and this clone installed
	@echo "Ready: . $(VENV)/bin/activate"

environment: $(DEV_STAMP)  ## the same without this clone (for an environment that clones share)

python:
	@test -n "$(PYTHON)" || { echo "Anamorph needs Python 3.11 or newer: none found; name one with PYTHON=..." >&2; exit 1; }
	@echo $(PYTHON)

$(PY):
	@test -n "$(PYTHON)" || { echo "Anamorph needs Python 3.11 or newer: none found; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(PY)
	@echo "Installing what Anamorph needs into $(VENV) (once)"
	$(PIP) -r requirements/run.lock
	@touch $@

$(DEV_STAMP): | $(RUN_STAMP)
	@echo "Installing the tools and torch into $(VENV) (once, a few minutes)"
	$(PIP) -r requirements/dev.lock
	@touch $@

$(HERE_STAMP): | $(RUN_STAMP)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

test: $(DEV_STAMP)  ## unit tests, contracts and doctests
	$(PY) -m pytest -n $(WORKERS) $(PYTEST)

check: $(DEV_STAMP)  ## lint, format, types, import contracts
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PY) scripts/verify_types.py --at-least $(TYPED)

format: $(DEV_STAMP)  ## let ruff mend what it can
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

demo: $(RUN_STAMP) $(HERE_STAMP)  ## augment real photographs and show them
	$(PY) examples/demo.py

docs: $(DEV_STAMP)  ## the pages and the gallery, strictly, into out/site
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

bench: $(DEV_STAMP)  ## time Anamorph beside its peers, in environments that it makes once
	benchmarks/setup_peers.sh
	$(PY) benchmarks/run.py

acceptance: $(DEV_STAMP)  ## the cross-target suite, where ACCEPTANCE=DIR holds it
	$(PY) scripts/acceptance.py $(ACCEPTANCE) -n $(WORKERS) $(PYTEST)

clean:  ## remove caches and outputs, not the environment
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests scripts examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
