# Each command installs what it needs, once: see scripts/setup.sh.

BIN := .venv/bin
KERNEL := pipeline/ears/kernel
SETUP := pyproject.toml setup.py Makefile scripts/setup.sh $(KERNEL).pyx
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -p no:benchmark

# A conversation is seven processes, and each would compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run bench test lint style types tests coverage mutation setup clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: .venv/ready-to-run ## hold a conversation; ARGS="--offline --verbose" passes flags
	$(BIN)/voice-pipeline run $(ARGS)

bench: .venv/ready-to-bench ## measure this machine; ARGS="--quick --png figures.png" passes flags
	$(BIN)/voice-pipeline bench $(ARGS)

# Types are checked while tests wait for sound. Of the two only the first can read the keyboard.
test: style ## run all checks; ARGS="tests/unit -k ring" chooses tests
	@$(MAKE) --no-print-directory -j 2 tests types || \
		{ echo "make test: the lines with *** above say which check failed"; exit 1; }

lint: style types ## check format, style, layers and types

style: .venv/ready-to-test
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo

types: .venv/ready-to-test
	nice $(BIN)/mypy --no-error-summary

tests: .venv/ready-to-test
	$(PYTEST) --durations=10 $(ARGS)

coverage: .venv/ready-to-test ## run the tests measured; branch coverage has a floor in shm, network, audio
	$(PYTEST) --cov --cov-report=
	$(BIN)/python scripts/coverage_floor.py

mutation: .venv/ready-to-mutate ## change the core and see whether a test fails; half an hour
	rm -rf mutants
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

setup: .venv/ready-to-run ## install only; EXTRAS="entra bench" adds optional parts
ifdef EXTRAS
	@sh scripts/setup.sh offline ears $(EXTRAS)
endif

clean: ## remove everything that was installed or built here
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache .coverage mutants $(KERNEL).c $(KERNEL).*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready-to-run: $(SETUP)
	@sh scripts/setup.sh offline ears
	@touch $@

.venv/ready-to-bench: $(SETUP)
	@sh scripts/setup.sh offline ears bench
	@touch .venv/ready-to-run $@

.venv/ready-to-test: $(SETUP)
	@sh scripts/setup.sh offline ears dev
	@touch .venv/ready-to-run $@

.venv/ready-to-mutate: $(SETUP)
	@sh scripts/setup.sh offline ears dev mutation
	@touch .venv/ready-to-run .venv/ready-to-test $@
