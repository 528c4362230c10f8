# make check   everything a commit must pass, and what CI runs
# make fast    lint, types and the tests below the screen
# make bench   the table of ratios
# make docs    write docs/keys.md, docs/cli.md and docs/reliability.md anew
# make shape   the ten longest files and functions

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= auto

.PHONY: check fast format lint types contracts test bench shape docs clean run

check: lint types contracts test

run: $(STAMP)
	$(BIN)/silverprint

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev --editable .
	touch $(STAMP)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

fast: lint types
	$(BIN)/python -m pytest -n $(WORKERS) -q --ignore tests/ui --ignore tests/faults --ignore tests/journeys --ignore tests/reliability

bench: $(STAMP)
	$(BIN)/python -m bench

docs: $(STAMP)
	UPDATE_DOCS=1 $(BIN)/python -m pytest -q tests/ui/test_actions.py
	$(BIN)/python -m pytest -q tests/cli/test_docs.py --write-docs
	$(BIN)/python -m tests.reliability

shape: $(STAMP)
	$(BIN)/python bench/shape.py

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
