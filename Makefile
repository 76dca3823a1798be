# Two commands: `make run` and `make test`. Both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench setup clean

run: setup ## serve http://127.0.0.1:7860
	$(BIN)/python app.py

# Two runs, for the browser's driver keeps an event loop open in its process. Side by side they took less time, but a
# page that waits for a core long enough looks broken to its test. One thread a worker: on few cores more only get in
# each other's way. Modules are compiled once and not by each program that a test starts.
TESTS := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test: setup ## every test, the browser's included
	$(TESTS) -n 3 --dist loadfile --ignore=tests/ui
	$(TESTS) -n 2 --dist loadfile tests/ui

check: setup ## lint, format, types, import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: setup ## every benchmark, into bench/results.json
	$(BIN)/python -m bench

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt requirements-embedded.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Collab needs Python 3.11 or newer: try  make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	@# one by one: what one lacks, another may still have
	@grep -v '^ *#' requirements-embedded.txt | while read -r wheel; do \
	  $(BIN)/python -m pip install --quiet --no-deps "$$wheel" </dev/null || \
	    echo "$$wheel is not to be had here: requirements-embedded.txt says what happens without it."; \
	done
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
