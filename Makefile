# What a person types here: `make run`, `make quick`, `make test`, `make fuzz`, `make bench`, `make clean`.
.PHONY: setup run test quick lint fuzz bench clean
ARGS ?=
BIN := .venv/bin
ADAPTER := components/adapter/prosody
# A worker for each core, a file of tests to a worker, those that take long (e2e, fault) first. A worker that dies
# has failed; started anew it would try the same test again and again.
WORKERS := -n logical --maxprocesses=8 --dist=loadfile --no-loadscope-reorder --max-worker-restart=0

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
	luacheck --quiet --config $(ADAPTER)/.luacheckrc $(ADAPTER) tests/support/prosody_modules

# By a fixed chance: what fails fails again.
test: lint
	PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) --ignore=tests/bench $(ARGS)

# Without servers, faults and the archive's own tests, which take most of the time.
quick: lint
	PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) tests/unit --ignore=tests/unit/archive -m 'not slow' $(ARGS)

# Whatever draws by chance, with a new seed and more of it; `make fuzz ARGS="--seed N"` draws the same again.
fuzz:
	@.ci/setup tests
	$(BIN)/python -m tests.fuzz $(WORKERS) $(ARGS)

bench: setup
	$(BIN)/python -m tests.bench $(ARGS)

clean:
	rm -rf var .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
