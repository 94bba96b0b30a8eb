# Each target makes .venv by itself; a machine needs python3 (3.11 or newer) and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
LOCK ?= configs/requirements.lock

.PHONY: demo test test-all test-faults test-gpu fuzz lock dist lint bench bench-gpu bench-quality simulate clean
.DELETE_ON_ERROR:

demo: .venv
	$(BIN)/retina demo

# Most of a test's time is a process's start, which waits more than it computes: two at once take 0.5 to 0.7 of the time.
# Files stay in their order, which ends with short ones, so that both end together. Without its cache mypy takes 2 minutes
# of one core, so it runs beside the tests; the tests' outcome is told after its own.
test: .venv
	$(BIN)/ruff check .
	@$(BIN)/mypy & types=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
		-m "not slow and not faults and not gpu"; tests=$$?; \
	wait $$types || { echo "mypy found mistakes, named above"; exit 1; }; \
	exit $$tests

# What `make test` leaves out: whole searches, confirmations and reports, each in its own process. A few rows need Debian's
# PostgreSQL, which only a CI machine installs by itself; elsewhere they are skipped, and that is said.
test-all: .venv
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && [ "$$CI" = true ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq postgresql || true; fi
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "slow and not faults and not gpu"

# Kills, fills and stops things for real, two at once, and prints what became of each. The wrong clock needs Debian's
# libfaketime, which only a CI machine installs by itself; a small disk needs root. What is not run is said.
FAKETIME := /usr/lib/*/faketime/libfaketime.so.1
test-faults: .venv
	@if ! ls $(FAKETIME) >/dev/null 2>&1 && [ "$$CI" = true ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq faketime || true; fi
	@ls $(FAKETIME) >/dev/null 2>&1 || echo "the wrong clock is not run: apt-get install faketime, then again"
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m faults tests/faults

# What only a GPU can show. Without one nothing is run, and nothing is said to have passed.
test-gpu: .venv
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; \
	then $(BIN)/python -m pytest -q -m gpu tests/gpu; \
	else echo "test-gpu: torch finds no GPU on this machine, so nothing was tested"; fi

# Files that mean harm, made at random for hours (RETINA_FUZZ: examples of each kind); CI makes 2,000 of each.
fuzz: .venv
	RETINA_FUZZ=$${RETINA_FUZZ:-1000000} $(BIN)/python -m pytest -q -s -o timeout=0 tests/security/test_fuzz.py

# The newest versions that pyproject.toml allows, for all machines and Pythons, with the hash of each file; needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 --upgrade \
		--no-annotate --custom-compile-command "make lock" --output-file configs/requirements.lock

# sdist and wheel, with the environment's own setuptools: without the network.
dist: .venv
	$(BIN)/python -m tests.fixtures.distribution dist

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv
	$(BIN)/python -m pytest -q -s tests/benchmarks --override-ini=python_files='bench_*.py'

# Speeds that only a GPU can show, in a quarter of an hour with `test-gpu`. Without one nothing is measured.
bench-gpu: .venv
	$(BIN)/python -m tests.benchmarks.gpu_speed
	@$(MAKE) --no-print-directory test-gpu

# What a search is worth on the test split, and each ingredient of it: about two hours on 2 idle cores; a second call goes
# on with what is left. Tables: build/quality/table.md. PART=idrid or PART=synthetic runs one of the two data sets.
bench-quality: .venv
	$(BIN)/python -m tests.benchmarks.quality --out build/quality $(if $(PART),--part $(PART))

# How often intervals hold and claims are false, by simulation, in a few minutes on one core: prints shares with their Monte
# Carlo errors.
simulate: .venv
	$(BIN)/python -m pytest -q -s -m slow tests/analysis/stats

# Each file is compared with its SHA-256 in configs/requirements.lock, and what builds this package is among them. pip takes no
# hash of an editable folder, so that comes second. `make .venv LOCK=` takes the ranges of pyproject.toml alone.
.venv: pyproject.toml configs/requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("python >= 3.11 must hold, but $(PYTHON) is " + sys.version.split()[0] + "; call make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
ifeq ($(LOCK),)
	$(BIN)/python -m pip install --progress-bar on --editable '.[dev]'
else
	$(BIN)/python -m pip install --progress-bar on --require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
endif
	touch .venv

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
