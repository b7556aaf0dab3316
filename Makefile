# What a person types here: `make run`, `make compile`, `make quick`, `make test`, `make matrix`, `make ejabberd`,
# `make systemd`, `make fuzz`, `make soak`, `make bench`, `make sbom`, `make clean`.
.PHONY: setup run compile test matrix ejabberd systemd quick lint python-lint python-code lua-code machine-code fuzz soak \
  bench sbom clean
ARGS ?=
BIN := .venv/bin
ADAPTER := components/adapter/prosody
# A worker for each core, a file of tests to a worker, those that take long (e2e, fault) first and short ones last
# (docs/decisions/0338). A worker that dies has failed; started anew it would try the same test again and again.
SHARED := --maxprocesses=8 --dist=loadfile --no-loadscope-reorder --max-worker-restart=0
CORES := $(shell nproc)
WORKERS := -n $(CORES) $(SHARED)
# More where tests wait: those of `make test`, which start servers, for half of their time, and those without servers,
# for threads and files, for a fifth (docs/decisions/0291).
WAITING_WORKERS := -n $(shell echo $$(($(CORES) + 2))) $(SHARED)
COMPUTING_WORKERS := -n $(shell echo $$(($(CORES) + 1))) $(SHARED)
# What starts the XMPP server, or asks its programs: all but the tests of witnesses and of people's directories.
SERVER_TESTS := tests/conformance tests/e2e $(wildcard tests/fault/test_gate_*.py) \
  --ignore=tests/e2e/test_witness_processes.py --ignore=tests/e2e/test_directory_ldap.py

# Where the tests that need no server have their files: in memory, if there is room, so that they wait for no disk.
MEMORY = $(shell df --block-size=1G --output=avail,target /dev/shm /tmp 2>/dev/null | awk '$$1 + 0 >= 4 {print $$2; exit}')

# What tries the modules that are compiled.
COMPILED_TESTS := $(addprefix tests/unit/,archive gate link policy rules verifier) tests/property

# Python keeps what it compiled in __pycache__, whoever's shell says otherwise: compiling the tests anew takes each
# worker longer than anything else that it does.
unexport PYTHONDONTWRITEBYTECODE

setup:
	@.ci/setup

run: setup
	@$(BIN)/steelyard up --demo $(ARGS)

# The way of a stanza as machine code, which `make run` and every process then use, until the sources change.
compile:
	@.ci/setup compile
	@$(MAKE) --no-print-directory machine-code

lint:
	@.ci/setup tests
	@$(MAKE) --no-print-directory python-code lua-code

# What needs nothing but .venv.
python-lint:
	@.ci/setup quick
	@$(MAKE) --no-print-directory python-code

# These three find installed what they need, so that they can run beside each other.
python-code:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lua-code:
	luacheck --quiet --config $(ADAPTER)/.luacheckrc $(ADAPTER) tests/support/prosody_modules tests/unit/adapter

machine-code:
	@$(BIN)/python .ci/compile

# By a fixed chance: what fails fails again. The tests try the sources, and what they start runs what was compiled; then
# those of the compiled modules try that themselves, with a quarter of the examples that were made up before.
test:
	@.ci/setup tests
	@$(MAKE) --no-print-directory -j2 machine-code python-code lua-code
	PYTHONHASHSEED=0 $(BIN)/pytest $(WAITING_WORKERS) --ignore=tests/bench --ignore=tests/ejabberd --ignore=tests/systemd $(ARGS)
	TMPDIR=$(MEMORY) STEELYARD_COMPILED=1 STEELYARD_EXAMPLES=0.25 PYTHONHASHSEED=0 $(BIN)/pytest $(COMPUTING_WORKERS) \
	  $(COMPILED_TESTS) -m 'not sources and not slow and not programs' $(ARGS)

# What depends on the server, on the other version of it: 13.0 where 0.12 is installed, 0.12 where a later one is; and
# what is there of it on ejabberd (docs/ejabberd.md).
matrix: ejabberd
	@$(MAKE) --no-print-directory compile
	@server=$$(.ci/other-server) && export PATH="$$server:$$PATH" && \
	  echo "matrix: the tests that depend on the server, on Prosody $$(cat "$$server/../lib/prosody/prosody.version")" && \
	  PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) $(SERVER_TESTS) $(ARGS)

# ejabberd: its own tests, and those of Prosody's that hold on it; its own on the later version as well, if it can run here.
ejabberd:
	@.ci/setup matrix
	PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) tests/ejabberd $(ARGS)
	STEELYARD_SERVER=ejabberd PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) @tests/ejabberd/same_tests.txt $(ARGS)
	@libraries=$$(.ci/other-ejabberd) && if [ -n "$$libraries" ]; then \
	  echo "ejabberd: its own tests, on the version of Debian 13" && \
	  STEELYARD_EJABBERD="$$libraries" PYTHONHASHSEED=0 $(BIN)/pytest $(WORKERS) tests/ejabberd $(ARGS); \
	fi

# A site by its units, under a real systemd, in a machine in memory. It needs root, and a kernel that gives root namespaces.
systemd:
	@.ci/setup tests
	PYTHONHASHSEED=0 $(BIN)/pytest tests/systemd $(ARGS)

# The loop to work in, about a minute: nothing that takes long, nothing that needs a server or another program,
# and of what is made up a tenth of the examples that `make test` tries.
quick: python-lint
	TMPDIR=$(MEMORY) STEELYARD_EXAMPLES=0.1 PYTHONHASHSEED=0 $(BIN)/pytest $(COMPUTING_WORKERS) \
	  tests/unit tests/property -m 'not slow and not programs' $(ARGS)

# Whatever draws by chance, with a new seed and more of it; `make fuzz ARGS="--seed N"` draws the same again.
fuzz:
	@.ci/setup tests
	$(BIN)/python -m tests.fuzz $(WORKERS) $(ARGS)

# A real line, broken in other ways in each run: `make soak ARGS="--seeds 1000 --from 17"`. It goes on where it was.
soak:
	@.ci/setup tests
	@$(BIN)/python -m tests.soak $(ARGS)

bench: setup compile
	$(BIN)/python -m tests.bench $(ARGS)

# What Steelyard consists of, for whoever has to know which of it has a hole (docs/security.md, section 9).
sbom: setup
	@mkdir -p dist
	$(BIN)/python .ci/sbom > dist/steelyard.cdx.json

clean:
	find components policy -name '*.so' -delete
	find components policy tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf var .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .servers
