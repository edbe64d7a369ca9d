# `make` says what there is to make. Needed: Python 3.11 or newer, make and the package index.

VENV ?= .venv
# How many processes run the tests; each may start a database server of its own.
WORKERS ?= 2
# More options for pytest, such as PYTEST_ARGS="-k demo".
PYTEST_ARGS ?=
# More options for the fuzzer, such as FUZZ_ARGS="--seed 7 --cases 5000 --server mysql://root@db:3306".
FUZZ_ARGS ?=
# More options for the benchmarks, such as BENCH_ARGS="--only long --long-rows 20000000".
BENCH_ARGS ?=
# Where `make test-ui` keeps its pictures; those of the docs: SCREENSHOTS=docs/images.
SCREENSHOTS ?=

# Compiled with the installation.
KERNELS := $(shell sed -n 's/.*sources = \["\(.*\)"\].*/\1/p' pyproject.toml)
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
RUNTIME := $(VENV)/.installed
TEST := $(VENV)/.installed-test
BROWSER := $(VENV)/.installed-browser
BENCH := $(VENV)/.installed-bench
NEWEST := .venv-newest
# What the compiled kernels do is tried without them as well.
KERNELS_WORK := extract conformance export/test_shard.py
# What tells soonest that a library has changed: what is private of others, and a whole export.
CORE := private defs steps instance \
	cli/test_export.py::test_an_export_writes_every_shard_and_exits_0

# Every step is a new process: without bytecode each would compile the packages again.
unexport PYTHONDONTWRITEBYTECODE
# Debian keeps database servers where only root looks for programs.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin

# A virtual environment whose Python is gone is made again, and so is what was installed in it.
$(shell test -x $(PYTHON) || rm -f $(RUNTIME) $(TEST) $(BROWSER) $(BENCH))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-ui check fuzz soak bench scale newest ui clean server chromium

help: ## list what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: $(RUNTIME) ## seed a small sharded shop in SQLite files and export it
	@$(BIN)/etl-assets demo

test: server $(TEST) ## run the whole test suite against a database server of its own
	@$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)
	@test -n '$(PYTEST_ARGS)' || ETL_ASSETS_KERNELS=off $(PYTHON) -m pytest -n $(WORKERS) \
	  --dist worksteal $(addprefix etl_assets_tests/,$(KERNELS_WORK))

test-ui: chromium $(BROWSER) ## click through Dagster's UI in a real browser
	@$(PYTHON) -m pytest etl_assets_tests/browser \
	  $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS)) $(PYTEST_ARGS)

check: $(TEST) ## check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fuzz: server $(TEST) ## export random tables and compare with what the driver reads; minutes
	@$(PYTHON) -m etl_assets_tests.fuzz $(FUZZ_ARGS)

soak: server $(TEST) ## break exports in two hundred ways and see that nothing is lost; half an hour
	@$(PYTHON) -m etl_assets_tests.faults.soak

bench: server $(BENCH) ## compare with other ways to export, side by side, into docs/benchmarks.md; half an hour
	@$(PYTHON) -m benchmarks --page benchmarks --write docs/benchmarks.md $(BENCH_ARGS)

scale: server $(BENCH) ## what a shard costs from 16 to 1,024 of them, into docs/scale.md; a quarter of an hour
	@$(PYTHON) -m benchmarks --page scale --write docs/scale.md $(BENCH_ARGS)

newest: server ## run the core of the suite on the newest releases that pyproject.toml allows
	@$(MAKE) --no-print-directory VENV=$(NEWEST) $(NEWEST)/bin/python
	@$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade \
	  --upgrade-strategy eager --editable '.[test]'
	@$(NEWEST)/bin/python -m pip list --disable-pip-version-check \
	  | grep -iE '^(dagster|dagster-celery|pymysql|sqlalchemy) '
	@$(NEWEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS) \
	  $(addprefix etl_assets_tests/,$(CORE))

ui: $(RUNTIME) ## open Dagster's UI on ./etl_assets.yaml
	@$(BIN)/etl-assets ui

clean: ## remove the virtual environment and caches; exports and run history stay
	@for made in $(VENV) $(NEWEST); do test ! -f $$made/pyvenv.cfg || rm -rf $$made; done
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@rm -f $(foreach kernel,$(KERNELS:.py=),$(kernel).c $(kernel).*.so)
	@find etl_assets etl_assets_tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The newest Python that can make virtual environments; one that is only a stand-in fails here.
$(PYTHON):
	@for python in python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	      >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    rm -f $(BIN)/python*; \
	    $$python -m venv $(VENV) || { rm -f $(PYTHON); exit 1; }; \
	    exit 0; \
	  fi; \
	done; \
	echo 'make: expected Python 3.11 or newer with its venv module, got none;' \
	  'install one, on Debian: apt-get install python3 python3-venv' >&2; \
	exit 1

# An interrupted first time may have left a virtual environment without pip.
define install
@echo "Installing $(1) into $(VENV), once"
@$(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip
@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '$(2)'
@touch $@
endef

$(RUNTIME): pyproject.toml $(KERNELS) | $(PYTHON)
	$(call install,the package,.)

$(TEST): pyproject.toml $(KERNELS) | $(PYTHON)
	$(call install,the package and what its tests need,.[test])
	@touch $(RUNTIME)

$(BROWSER): pyproject.toml $(KERNELS) | $(PYTHON)
	$(call install,the package and what its tests in a browser need,.[browser])
	@touch $(RUNTIME) $(TEST)

$(BENCH): pyproject.toml $(KERNELS) | $(PYTHON)
	@test -f benchmarks/__main__.py || \
	  { echo 'make bench: expected the folder benchmarks, got no benchmarks in it' >&2; exit 1; }
	$(call install,the package and what its benchmarks need,.[bench])
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check mysqlclient >/dev/null 2>&1 || \
	  echo 'mysqlclient is left out: it needs a C compiler, pkg-config and libmariadb-dev'

# The tests start their own server, so its program has to be there.
server:
	@if command -v mariadbd >/dev/null || command -v mysqld >/dev/null \
	    || test -n "$$ETL_ASSETS_TEST_MYSQL_URL"; then \
	  exit 0; \
	fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo 'Installing mariadb-server for the tests, once'; \
	  apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y mariadb-server && exit 0; \
	fi; \
	echo 'make test: expected mariadbd or mysqld on PATH, or ETL_ASSETS_TEST_MYSQL_URL set,' \
	  'got neither; install one, on Debian as root: apt-get install mariadb-server' >&2; \
	exit 1

# The browser comes from the system: what Python packages bring along is not from the package index.
chromium:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	    || command -v google-chrome >/dev/null; then \
	  exit 0; \
	fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo 'Installing chromium for the tests of the UI, once'; \
	  apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium \
	    && exit 0; \
	fi; \
	echo 'make test-ui: expected chromium, chromium-browser or google-chrome on PATH, got none;' \
	  'install one, on Debian as root: apt-get install chromium' >&2; \
	exit 1
