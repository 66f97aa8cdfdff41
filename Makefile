# Every target sets up what it needs; a second call reuses it. Nothing is assumed but Python 3.11.

VENV ?= .venv
OUT ?= demo-run
BIN := $(VENV)/bin
# the first of these that is 3.11 or newer
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Compiled tests are kept for the next process; where this variable is set, each compiles them all.
unexport PYTHONDONTWRITEBYTECODE

SIDE_BY_SIDE := -n auto --dist loadfile --no-loadscope-reorder

.PHONY: help demo label-demo study-demo test long check docs bench lint format types slow clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## the whole pipeline on the shipped portraits, up to a leaderboard page
	$(BIN)/gazebench demo $(OUT)

label-demo: $(VENV)/.installed-label ## a labelling session in FiftyOne's App, on the shipped portraits
	$(BIN)/gazebench build-dataset gazebench/demo/portraits $(OUT)-labels --res 512 --align none
	$(BIN)/gazebench label prepare $(OUT)-labels --annotators you --votes 1 --test-votes 1
	$(BIN)/gazebench label serve $(OUT)-labels --open

study-demo: $(VENV)/.installed-study ## a user study of the demo's runs, and its report on invented answers
	test -f $(OUT)/board/index.html || $(BIN)/gazebench demo $(OUT)
	rm -rf $(OUT)/study-simulated
	$(BIN)/gazebench study create $(OUT)/runs $(OUT)/demo-256 $(OUT)/study-simulated
	$(BIN)/gazebench study simulate $(OUT)/study-simulated
	$(BIN)/gazebench study analyse $(OUT)/study-simulated
	$(BIN)/gazebench report $(OUT)/runs $(OUT)/board
	test -d $(OUT)/study || $(BIN)/gazebench study create $(OUT)/runs $(OUT)/demo-256 $(OUT)/study
	$(BIN)/gazebench study serve $(OUT)/study --open

test: $(VENV)/.installed-dev ## the tests, with the linters among them
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE)

long: $(VENV)/.installed-dev ## whole journeys: the README's commands, the demo, the notebook, the type checker
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'long and not slow' $(SIDE_BY_SIDE)

slow: $(VENV)/.installed-dev ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: test long ## everything a commit must pass, linters and type checker included

lint: $(VENV)/.installed-dev ## formatting, lint rules, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev ## the type checker
	$(BIN)/pyright

format: $(VENV)/.installed-dev ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## write the parts of the READMEs that are made from code
	$(BIN)/python docs/generate.py

bench: $(VENV)/.installed-dev ## speed and memory, as ratios against named rivals
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

clean: ## remove the environment and the demo's results
	rm -rf $(VENV) $(OUT) $(OUT)-labels

$(VENV)/.installed: pyproject.toml
	@echo "gazebench: setting up $(VENV) with $(PYTHON) (torch and the rest; a minute or more, once)"
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer found; name one: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-label: $(VENV)/.installed
	@echo "gazebench: adding FiftyOne to $(VENV) (about 1.2 GB)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[label]'
	@touch $@

$(VENV)/.installed-study: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[study]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "gazebench: adding the tools that the tests need to $(VENV), FiftyOne among them (1.2 GB)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,label]'
	@touch $@
