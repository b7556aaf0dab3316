# What a person types here: `make run`, `make test`, `make quick`, `make bench`, `make clean`.
.PHONY: setup run test quick lint bench clean
ARGS ?=
BIN := .venv/bin

setup:
	@.ci/setup

run: setup
	@$(BIN)/steelyard up --demo $(ARGS)

lint:
	@.ci/setup tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	$(BIN)/pytest --ignore=tests/bench

# Without servers, faults and the archive's own tests, which take most of the time.
quick: lint
	$(BIN)/pytest tests/unit --ignore=tests/unit/archive -m 'not slow'

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

clean:
	rm -rf var .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
