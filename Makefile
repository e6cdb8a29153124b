# `make run` and `make test` set up everything they need, once; see scripts/setup.sh.

BIN := .venv/bin

.PHONY: run test lint setup clean

run: .venv/ready-to-run ## a conversation; ARGS="--offline --verbose" passes flags
	$(BIN)/python -m pipeline run $(ARGS)

test: lint ## all checks; ARGS="tests/unit -k ring" chooses tests
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -p no:benchmark $(ARGS)

lint: .venv/ready-to-test
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy --strict pipeline

setup: .venv/ready-to-run

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready-to-run: pyproject.toml Makefile scripts/setup.sh
	@sh scripts/setup.sh run
	@touch $@

.venv/ready-to-test: pyproject.toml Makefile scripts/setup.sh
	@sh scripts/setup.sh test
	@touch .venv/ready-to-run $@
