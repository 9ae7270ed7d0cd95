# stream-app: `make help` lists the targets. Each makes its own environment first, and that only when it is out of date.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fuzz system chaos bench bench-accounts bench-projection bench-connectors bench-restating bench-rebuilding bench-peers compile format lock clean

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date
# The clone's own environment, whichever one is active.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# uv has certificates of its own, and so would not trust a proxy or index that the machine and pip do.
export UV_SYSTEM_CERTS ?= true
# Where it is set each of the hundreds of processes that the tests start would compile every module anew: half a second each.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what can be made
	@awk '/^[a-z-]+:.*## / {name = $$0; sub(/:.*/, "", name); sub(/.*## /, ""); printf "  make %-11s %s\n", name, $$0}' \
		$(MAKEFILE_LIST)

setup: $(STAMP) ## Make the environment in .venv, from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/uv --version 2>/dev/null | grep -q '^uv $(UV_VERSION)\b' || $(BIN)/python -m pip install -q uv==$(UV_VERSION)
	$(BIN)/uv pip sync -q --require-hashes requirements.lock
	$(BIN)/uv pip install -q --no-deps -e .
	@touch $@

demo: $(STAMP) ## Watch it work: Kafka, Valkey, a worker and simulated leads, until ctrl-C
	$(BIN)/stream-app demo

test: $(STAMP) ## Run the unit and integration tests, with a Kafka and a Valkey of their own
	$(BIN)/pytest -n 2 --dist worksteal --durations 8 tests/unit tests/integration

check: $(STAMP) ## Check format, lint, types and the import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(STAMP) ## Run the property tests at length (FUZZ_EXAMPLES=5000 each)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n 2 --timeout 0 -m hypothesis tests/unit

system: $(STAMP) ## Run the system tests, faults on the real broker among them (some 9 minutes)
	@if [ -d tests/system ]; then $(BIN)/pytest -n 2 --dist worksteal --durations 8 --timeout 600 tests/system; else echo "there are no system tests"; fi

# Each seed: the lane with a toy processor on both stores, then the real scorer.
CHAOS_SEEDS ?= 1 2 3
chaos: $(STAMP) ## Run the chaos suites at length (CHAOS_SEEDS="1 2 3": 5 to 10 minutes a seed)
	@for seed in $(CHAOS_SEEDS); do \
		for store in memory rocksdb; do $(BIN)/python -m tests.lanes.chaos --seed $$seed --store $$store || exit 1; done; \
		$(BIN)/python -m tests.pipeline.chaos --seed $$seed || exit 1; \
	done

# The engine as a wheel with its modules compiled, in a folder of its own: the working tree stays as it is.
COMPILED := build/compiled
compile: $(COMPILED)/.up-to-date ## Compile the engine with mypyc into build/compiled

$(COMPILED)/.up-to-date: $(STAMP) setup.py $(wildcard stream_app/*.py stream_app/*/*.py stream_app/*/*/*.py stream_app/models/*)
	rm -rf $(COMPILED) build/wheel
	STREAM_APP_COMPILE=1 $(BIN)/uv build -q --wheel --no-build-isolation -o build/wheel .
	$(BIN)/uv pip install -q --no-deps --target $(COMPILED) build/wheel/*.whl
	@touch $@

bench: compile ## Measure the compiled engine: activities a second, bytes a lead
	cd $(COMPILED) && PYTHONPATH=.:$(CURDIR) $(CURDIR)/$(BIN)/python -P -m bench.engine && PYTHONPATH=.:$(CURDIR) $(CURDIR)/$(BIN)/python -P -m bench.timers

bench-accounts: $(STAMP) ## Measure accounts of 10, 1,000 and 50,000 members: a change of one, of facts, memory
	$(BIN)/python -m bench.accounts

bench-projection: $(STAMP) ## Measure the projection beside a plain HSET loop, and look-ups meanwhile
	$(BIN)/python -m bench.projection --pairs 5

bench-connectors: $(STAMP) ## Measure what a webhook connector carries, and how late
	$(BIN)/python -m bench.connectors

bench-restating: compile ## Measure a new version of the model: leads restated a second, live events meanwhile
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(COMPILED):$(CURDIR) $(BIN)/python -m bench.restating

bench-rebuilding: compile ## Measure a rebuild beside the live scores: events a second, and how long the switch holds events up
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/$(COMPILED):$(CURDIR) $(BIN)/python -m bench.restating --rebuild

bench-peers: compile ## Measure this project and its peers at the same job (20 minutes, best on an idle machine)
	$(BIN)/python -m bench.peers

format: $(STAMP) ## Format the code and fix what can be fixed by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## Resolve the dependencies of pyproject.toml anew into requirements.lock
	test -x $(BIN)/uv || $(MAKE) setup
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --group dev pyproject.toml -o requirements.lock

clean: ## Remove the environment and every cache in the clone
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
