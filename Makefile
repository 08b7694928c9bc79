# `make help` lists what there is. Every target makes or completes the environment first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin/python
# Most of the time goes to tracing graphs, on one core. Tests of a file run on one worker and in order,
# because they share expensive fixtures. The longest files start first (tests/conftest.py).
# `ARGS="-n 0"` runs the tests one after the other.
PYTEST := $(PYTHON_BIN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=20
# Variables of a build machine must not disable bytecode.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV
export TF_CPP_MIN_LOG_LEVEL ?= 2
# Container image; without TAG, the tag is the version and the git revision.
export IMAGE ?= bonafide
export TARGET ?= cpu
export TAG ?=
# The targets share one environment, so make -j must not run them in parallel.
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="..." passes options to the command, for example: make run ARGS="--set trainer.epochs=5"'

.PHONY: env
env: ## Create or update .venv from uv.lock (other targets do it automatically)
	@scripts/setup_env.sh

.PHONY: run
run: env ## Run the whole pipeline on the bundled corpus, to a pushed model
	@$(PYTHON_BIN) local_runner.py $(ARGS)

.PHONY: review
review: env ## Open notebooks/review.ipynb in JupyterLab: TFMA's results of the newest run
	@$(PYTHON_BIN) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) \
	  --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate \
	  notebooks/review.ipynb $(ARGS)

.PHONY: test
test: test-fast test-e2e ## Run all tests: the unit tests, then the end-to-end tests

.PHONY: test-fast
test-fast: env ## Run the unit tests (minutes)
	@$(PYTEST) -m 'not e2e' $(ARGS)

.PHONY: test-e2e
test-e2e: env ## Run the end-to-end tests: pipelines that pass, fail, are killed and resume (minutes)
	@$(PYTEST) -m e2e $(ARGS)

.PHONY: test-pythons
test-pythons: ## Run the unit tests on Python 3.12 and 3.13 (PYTHONS="3.12 3.13"), in copies of this checkout
	@scripts/test_pythons.sh $(ARGS)

.PHONY: coverage
coverage: env ## Measure what the unit tests run: a table, and htmlcov/index.html
	@$(PYTEST) -m 'not e2e' --cov=bonafide --cov=components --cov=models --cov=pipeline \
	  --cov-report=term:skip-covered --cov-report=html $(ARGS)

.PHONY: lint
lint: env ## Check style, format, types and the direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/mypy

.PHONY: format
format: env ## Fix style and format the code
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: bench
bench: env ## Run the benchmarks and write benchmarks/results/*.json
	@mkdir -p benchmarks/results
	@for program in benchmarks/[a-z]*.py; do \
	  echo "== $$program"; \
	  $(PYTHON_BIN) -m benchmarks.$$(basename $$program .py) \
	    --json benchmarks/results/$$(basename $$program .py).json $(ARGS) || exit 1; \
	done

.PHONY: demo-model
demo-model: env ## Train the model of `bonafide demo` anew (minutes), and write it into the package
	@$(PYTHON_BIN) -m scripts.make_demo_model $(ARGS)

.PHONY: image
image: ## Build the container image (IMAGE=bonafide TARGET=cpu|gpu TAG=...)
	@scripts/build_image.sh $(ARGS)

.PHONY: clean
clean: ## Remove results and caches (keeps .venv)
	rm -rf output benchmarks/results htmlcov .coverage .pytest_cache .ruff_cache .hypothesis \
	  .mypy_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the environment as well
	rm -rf .venv .uv .setup.lock
