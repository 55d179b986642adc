# make demo          measure simulated providers: no key, no GPU            (LOCAL=1 adds a local pipeline, APP=1 opens the app)
# make test          everything that can be checked on one machine          (make test-quick: in under two minutes)

PYTHON ?= python3
CONSTRAINTS := tests/constraints.txt
# Three at a time on two cores: tests wait for servers and processes as often as they compute.
PARALLEL := -n 3 --dist worksteal
DEMO := .venv
TEST := .venv-test
# A source package runs its own code as it is built; a wheel is only unpacked.
WHEELS_ONLY := --only-binary :all:
INSTALL = -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)

# A stamp holds what was installed when; a second call finds it newer than its inputs and does nothing.
CORE_STAMP := $(DEMO)/.core
APP_STAMP := $(DEMO)/.app
GPU_STAMP := $(DEMO)/.gpu
TEST_STAMP := $(TEST)/.test

# A GPU whose driver answers joins the demo unasked; LOCAL=0 keeps it out.
LOCAL ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo 1)
DEMO_STAMPS := $(CORE_STAMP) $(if $(filter 1,$(LOCAL)),$(GPU_STAMP)) $(if $(filter 1,$(APP)),$(APP_STAMP))

.PHONY: demo app test test-quick lint format docs fuzz screenshots
.PHONY: bench-app bench-arena bench-cli bench-coverage bench-fidelity bench-local bench-reports bench-score bench-watch clean help
.PHONY: torture soak lock check-lock sbom licences

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
	$(DEMO)/bin/python $(INSTALL) $(WHEELS_ONLY) --editable .
	@touch $@

$(APP_STAMP): $(CORE_STAMP)
	@echo "installing the app: about 35 MB more"
	$(DEMO)/bin/python $(INSTALL) $(WHEELS_ONLY) --editable '.[app]'
	@touch $@

$(GPU_STAMP): $(CORE_STAMP)
	@echo "installing torch, diffusers and transformers for the local pipeline: several GB to download on Linux"
	@echo "(no model weights are fetched; without them a tiny pipeline with random weights is used)"
	$(DEMO)/bin/python $(INSTALL) $(WHEELS_ONLY) --editable '.[gpu]'
	@touch $@

$(TEST)/bin/python:
	$(PYTHON) -m venv $(TEST)

$(TEST_STAMP): $(TEST)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "installing what the tests need into $(TEST), torch included: several GB to download on Linux"
	$(TEST)/bin/python $(INSTALL) --editable '.[app,dev,gpu,keyring,login,otel,postgres,quantization,scoring]'
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
	$(TEST)/bin/python -m arena.reports.exports.page docs/data.md

# The pictures in docs/: a demo of its own, simulated votes over it, and every page in a real browser.
screenshots: $(TEST_STAMP)
	rm -rf .screenshots
	ARENA_DATA_DIR=.screenshots $(TEST)/bin/arena demo
	$(TEST)/bin/python -m tests.browser.demo_votes .screenshots
	$(TEST)/bin/python -m tests.browser.screenshots .screenshots --out docs
	rm -rf .screenshots

test: lint
	$(TEST)/bin/python -m pytest $(PARALLEL)

test-quick: lint
	$(TEST)/bin/python -m pytest $(PARALLEL) -m "not slow"

# Every parser for so many seconds, guided by coverage; what breaks one is kept where `make test` finds it.
FUZZ_SECONDS ?= 20
fuzz: $(TEST_STAMP)
	$(TEST)/bin/python $(INSTALL) --editable '.[fuzz]'
	$(TEST)/bin/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS)

bench-fidelity: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.fidelity

bench-arena: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.arena

bench-coverage: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.coverage

bench-score: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.scoring

# A database of half a million outcomes and 100,000 votes, every page's first paint over it, and voters voting at once.
bench-app: $(TEST_STAMP)
	rm -rf .bench-app
	$(TEST)/bin/python -m tests.benchmarks.app.seed .bench-app
	$(TEST)/bin/python -m tests.benchmarks.app.first_paint .bench-app
	$(TEST)/bin/python -m tests.benchmarks.app.votes .bench-app
	rm -rf .bench-app

bench-reports: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.reports

bench-watch: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.benchmarks.watch

# How fast this machine makes images, and with which settings. With a card: a model of full size with random weights,
# or BENCH_LOCAL="--model black-forest-labs/FLUX.2-klein-4B" with its own; without one, the tiny pipeline.
BENCH_LOCAL ?= $(if $(filter 1,$(LOCAL)),--random-weights,--tiny --size 256x256)
bench-local: $(GPU_STAMP)
	$(DEMO)/bin/python $(INSTALL) $(WHEELS_ONLY) --editable '.[gpu,quantization]'
	$(DEMO)/bin/arena local bench $(BENCH_LOCAL) --md

bench-cli: $(TEST_STAMP)
	$(TEST)/bin/python tests/benchmarks/cli_startup.py

torture: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.torture

soak: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.torture.soak

# Needs uv. The tests' own tools include one that comes as source only, so wheels are demanded of what users install.
LOCK = uv pip compile pyproject.toml -c $(CONSTRAINTS) --generate-hashes --no-header --no-annotate --quiet \
	--python-version 3.11 --python-platform x86_64-manylinux_2_28
lock:
	$(LOCK) --extra app --extra keyring --extra login --extra postgres $(WHEELS_ONLY) -o locks/app.txt
	$(LOCK) --all-extras -o locks/test.txt

check-lock: $(TEST_STAMP)
	$(TEST)/bin/python -m pip install --dry-run --ignore-installed --no-deps --require-hashes $(WHEELS_ONLY) -r locks/app.txt

sbom: $(TEST_STAMP)
	@mkdir -p dist
	$(TEST)/bin/python -W ignore -m cyclonedx_py requirements locks/app.txt --pyproject pyproject.toml --of JSON --output-reproducible --validate -o dist/sbom.json

licences: $(TEST_STAMP)
	$(TEST)/bin/python -m tests.supply.licences

clean:
	rm -rf $(DEMO) $(TEST) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
