# make demo          measure simulated providers: no key, no GPU            (LOCAL=1 adds a local pipeline, APP=1 opens the app)
# make test          everything that can be checked on one machine          (make test-quick: in under two minutes)

PYTHON ?= python3
CONSTRAINTS := tests/constraints.txt
# Two tests at a time: what they wait for is mostly not the processor.
PARALLEL := -n 2 --dist worksteal
DEMO := .venv
TEST := .venv-test
INSTALL = -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)

# A stamp holds what was installed when; a second call finds it newer than its inputs and does nothing.
CORE_STAMP := $(DEMO)/.core
APP_STAMP := $(DEMO)/.app
GPU_STAMP := $(DEMO)/.gpu
TEST_STAMP := $(TEST)/.test

# A GPU whose driver answers joins the demo unasked; LOCAL=0 keeps it out.
LOCAL ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo 1)
DEMO_STAMPS := $(CORE_STAMP) $(if $(filter 1,$(LOCAL)),$(GPU_STAMP)) $(if $(filter 1,$(APP)),$(APP_STAMP))

.PHONY: demo app test test-quick lint format docs bench-arena bench-cli bench-coverage bench-fidelity bench-watch clean help

help:
	@sed -n 's/^# //p' Makefile | head -2

demo: $(DEMO_STAMPS)
	$(DEMO)/bin/arena demo $(if $(filter 1,$(LOCAL)),--local)
	$(if $(filter 1,$(APP)),$(DEMO)/bin/arena app)

app: $(APP_STAMP)
	$(DEMO)/bin/arena app

$(DEMO)/bin/python:
	$(PYTHON) -m venv $(DEMO)

$(CORE_STAMP): $(DEMO)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "installing arena into $(DEMO): about 130 MB to download, no torch"
	$(DEMO)/bin/python $(INSTALL) --editable .
	@touch $@

$(APP_STAMP): $(CORE_STAMP)
	@echo "installing the app: about 35 MB more"
	$(DEMO)/bin/python $(INSTALL) --editable '.[app]'
	@touch $@

$(GPU_STAMP): $(CORE_STAMP)
	@echo "installing torch, diffusers and transformers for the local pipeline: several GB to download on Linux"
	@echo "(no model weights are fetched; without them a tiny pipeline with random weights is used)"
	$(DEMO)/bin/python $(INSTALL) --editable '.[gpu]'
	@touch $@

$(TEST)/bin/python:
	$(PYTHON) -m venv $(TEST)

$(TEST_STAMP): $(TEST)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "installing what the tests need into $(TEST), torch included: several GB to download on Linux"
	$(TEST)/bin/python $(INSTALL) --editable '.[app,dev,gpu,postgres,scoring]'
	@touch $@

lint: $(TEST_STAMP)
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/lint-imports

format: $(TEST_STAMP)
	$(TEST)/bin/ruff check --fix .
	$(TEST)/bin/ruff format .

docs: $(TEST_STAMP)
	$(TEST)/bin/python -m harness.providerdocs docs/providers.md prompts/support.json

test: lint
	$(TEST)/bin/python -m pytest $(PARALLEL)

test-quick: lint
	$(TEST)/bin/python -m pytest $(PARALLEL) -m "not slow"

bench-fidelity: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.fidelity

bench-arena: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.arena

bench-coverage: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.coverage

bench-watch: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.watch

bench-cli: $(TEST_STAMP)
	$(TEST)/bin/python tests/benchmarks/cli_startup.py

clean:
	rm -rf $(DEMO) $(TEST) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
