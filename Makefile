# Run, test and check ELK Vision. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.requirements
DEV_STAMP := $(VENV)/.requirements-dev

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-elasticsearch faults check format bench screenshots clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(STAMP) ## start on http://127.0.0.1:8000
	@exec $(BIN)/python -m app

test: $(DEV_STAMP) ## the suite, in three minutes with nothing but the install
	$(BIN)/python -m pytest -m "not browser and not faults and not fuzz and not install" -n 2

test-all: $(DEV_STAMP) ## everything: browser, faults and fuzz as well
	$(BIN)/python -m pytest -n 2

test-elasticsearch: $(DEV_STAMP) ## the suites of REST and browser on the server that TEST_ELASTICSEARCH_URL names
	@test -n "$(TEST_ELASTICSEARCH_URL)" || { echo "Set TEST_ELASTICSEARCH_URL=http://host:9200 of a server for tests."; exit 1; }
	ELASTICSEARCH_HOSTS=$(TEST_ELASTICSEARCH_URL) $(BIN)/python -m pytest -n 2 tests/api tests/browser tests/test_readme.py

faults: $(DEV_STAMP) ## kills, outages, bad networks, full disks: all of them, with the time each recovery took (20 minutes)
	FAULTS=all $(BIN)/python -m pytest -m faults -s -p no:logging tests/faults

check: $(DEV_STAMP) ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_STAMP) ## let ruff write the format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP) ## measure ingest and search against bare DuckDB, in one run (25 minutes); STORE=elasticsearch: against raw requests
	$(BIN)/python -m bench $(PARTS) $(filter-out duckdb,$(STORE))

screenshots: $(DEV_STAMP) ## write docs/images from a fresh start with sample data
	$(BIN)/python -m tests.browser.screenshots

clean: ## remove the environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(STAMP): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing. On Debian or Ubuntu: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version). On Debian or Ubuntu: sudo apt-get install python3.11 python3.11-venv, then: make run PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the requirements into $(VENV) (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
