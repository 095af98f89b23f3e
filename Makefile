# Two commands on a fresh machine: `make demo` and `make test`. Both set up what they need.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first Python from 3.11 to 3.13 that really runs.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
POSTGIS := $(wildcard /usr/share/postgresql/*/extension/postgis.control)

.PHONY: demo test test-full lint format bench sample clean tools

demo: $(VENV)/demo.stamp
	$(BIN)/sxrisk demo

test: $(VENV)/test.stamp tools lint
	$(BIN)/python -m pytest -m "not slow"

test-full: $(VENV)/test.stamp tools lint
	$(BIN)/python -m pytest

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sample: $(VENV)/demo.stamp
	$(BIN)/python -m sxrisk.sample

bench: $(VENV)/test.stamp
	$(PIP) install -c constraints.txt --group bench
	for b in benchmarks/*.py; do $(BIN)/python $$b || exit 1; done

clean:
	rm -rf $(VENV) out build dist

$(VENV)/pip.stamp: constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 found. On Debian or Ubuntu: apt install python3 python3-venv"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq python3-venv; } \
		|| { echo "$(PYTHON) lacks the venv module. On Debian or Ubuntu: apt install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt pip
	@touch $@

$(VENV)/demo.stamp: $(VENV)/pip.stamp pyproject.toml
	@echo "Installing sxrisk and its libraries into $(VENV) (some 600 MB to download, a few minutes) ..."
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(PIP) install -c constraints.txt --group dev
	@touch $@

# Tests of the review pack drive a real browser, those of the database a real PostGIS. Both are installed where this is
# allowed; else the tests say that they skip.
tools:
	@missing="$(if $(CHROMIUM),,chromium) $(if $(POSTGIS),,postgresql postgresql-postgis)"; \
	if [ -n "$$(echo $$missing)" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing for the tests:" $$missing "..."; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
		else \
			echo "Not here, so their tests will be skipped:" $$missing". On Debian or Ubuntu: sudo apt install" $$missing; \
		fi; \
	fi
