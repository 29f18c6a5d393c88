# make serve and make test set themselves up: they find a Python, make .venv, and install the lock
# files, again only when one has changed. To change the Python of an existing .venv: make clean,
# then make test PYTHON=python3.13.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
UV ?= uv
ARGS ?=
EXAMPLES ?= 100
VENV := .venv
BIN := $(VENV)/bin
# The checksums of the installed lock files: a checkout shows in them, and an interrupted
# installation.
STAMP := $(VENV)/.installed
# Two workers for each processor, half of them on SQLite and half on PostgreSQL. One that dies is a
# failure, and is not started again.
WORKERS := --numprocesses auto --max-worker-restart 0

NODE_MODULES := tests/verifiers/node_modules

# Workers and hundreds of processes share what one of them has compiled; make clean removes it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test lint screenshots fuzz openapi lock bench clean runtime dev
help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

serve: runtime ## set up what is missing and serve on PORT (8000)
	@exec $(BIN)/python manage.py serve

test: lint $(NODE_MODULES) ## check and test everything (ARGS="-k login", ARGS=--all-databases)
	@$(BIN)/python -m pytest $(WORKERS) $(ARGS)

lint: dev ## ruff and mypy
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m ruff format --check
	@$(BIN)/python -m mypy

screenshots: dev ## take the pictures of docs/admin.md anew
	@SCREENSHOTS=var/screenshots $(BIN)/python -m pytest -q tests/admin -k in_a_browser
	@for picture in docs/screenshots/*.png; do \
		cp "var/screenshots/$${picture##*/}" docs/screenshots/; done

fuzz: dev ## let Schemathesis make up many requests from each OpenAPI document (EXAMPLES=100)
	@SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/faults/test_schemathesis.py $(ARGS)

openapi: dev ## write docs/openapi anew
	@for name in $$($(BIN)/python -c "from authsvc.contracts import BUILT_IN; print(*BUILT_IN)"); do \
		CONTRACTS= $(spectacular) --api-version $$name --file docs/openapi/$$name.json || exit 1; done
	@CONTRACTS= $(spectacular) --file docs/openapi/shared-paths.json

bench: dev ## load, scaling and peer comparisons
	@$(pip_install) -r bench/requirements.txt
	@$(BIN)/python -m bench $(ARGS)

lock: ## pin the dependencies of pyproject.toml anew (ARGS=--upgrade for newer versions)
	@command -v $(UV) >/dev/null || { echo >&2 \
		"make lock needs uv: install it, or say where it is with UV=/path/to/uv."; exit 1; }
	@$(lock) -o requirements.txt
	@$(lock) --group dev --constraint requirements.txt -o requirements-dev.txt

clean: ## remove .venv and caches, never the data
	rm -rf $(VENV) $(NODE_MODULES) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

pip_install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

spectacular = $(BIN)/python manage.py spectacular --validate --fail-on-warn --format openapi-json

lock = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(ARGS) pyproject.toml

# Some tests run libraries in Node, and are skipped where npm is missing or cannot install them.
$(NODE_MODULES): tests/verifiers/package-lock.json
	@if command -v npm >/dev/null \
		&& npm ci --prefix tests/verifiers --no-audit --no-fund --silent; then touch $@; \
	else echo "npm did not install what runs in Node: its tests are skipped." >&2; fi

# requirements-dev.txt includes requirements.txt: after "dev", "runtime" has nothing to do.
runtime:
	@[ -x $(BIN)/python ] && grep -qxF "$$(cksum requirements.txt)" $(STAMP) 2>/dev/null \
		|| { $(call install,requirements.txt,requirements.txt); }

dev:
	@[ -x $(BIN)/python ] \
		&& [ "$$(cksum requirements.txt requirements-dev.txt)" = "$$(cat $(STAMP) 2>/dev/null)" ] \
		|| { $(call install,requirements-dev.txt,requirements.txt requirements-dev.txt); }

# $(call install,<file to install>,<files which are then installed>)
define install
	set -e; rm -f $(STAMP); \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(make_venv); }; \
	echo "Installing $(1) into $(VENV)"; \
	$(pip_install) -r $(1); \
	cksum $(2) >$(STAMP)
endef

define make_venv
	found=; too_old=; no_venv=; \
	for python in $(PYTHON); do \
		command -v "$$python" >/dev/null || continue; \
		if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			too_old="$$too_old $$python"; \
		elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then no_venv="$$python"; \
		else found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ] && [ -n "$$no_venv" ]; then \
		echo >&2 "$$no_venv cannot make virtual environments: install its venv module" \
			"(on Debian and Ubuntu: apt install python3-venv)."; exit 1; fi; \
	if [ -z "$$found" ]; then \
		echo >&2 "authsvc needs Python 3.11 or newer$${too_old:+, which$$too_old is not}:" \
			"install one, or name it with PYTHON=/path/to/python3."; exit 1; fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
endef
