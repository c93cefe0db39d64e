# `make demo` builds, publishes and installs a package; `make test` runs the test suite.
# Both need git, make and Python 3.11 or newer, and install Python packages into .venv; tests also need the programs
# that .ci/run lists.

.DEFAULT_GOAL := help
# if set, Python would compile every module again at each start
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo prepare test test-wide test-campaign test-mutants test-all prepare-essential test-essential bench install uninstall deploy lint check docs lock clean

PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
# worksteal runs the tests of a module in the same process, which starts their index only once
PYTEST_ARGS ?= -n 4 --dist worksteal
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
WHEELS := $(VENV)/wheels
IMAGE := $(VENV)/image
CLIENTS := $(VENV)/clients
BENCHMARKS := serve writing lag publish upstream pages checks floors

help:
	@echo 'make demo       build, publish and install a package through an index on this machine'
	@echo 'make test       run the test suite (make test-all adds slow tests and mutation tests, and takes hours)'
	@echo 'make install    install pypi-publish, with the index, and keyring for your user'
	@echo 'make uninstall  remove them'
	@echo 'make deploy     deploy the index to Modal (first: .venv/bin/modal token new, or MODAL_TOKEN_ID and MODAL_TOKEN_SECRET)'
	@echo 'make lint       check formatting, lint rules, types and workflows'
	@echo 'make check      run lint and the tests as CI does (installs missing Debian packages with sudo)'
	@echo 'make bench      compare with uv, twine, nginx, pypiserver and others (40 minutes)'
	@echo 'make docs       write the references to commands, actions and checks, and put each sentence of pages on its own line'
	@echo 'make lock       pin the dependencies again (requirements/*.txt)'
	@echo 'make clean      remove .venv and all build output'

$(READY): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@echo 'Setting up $(VENV) ...'
	@$(PYTHON) -m venv --clear $(VENV) || { echo 'Python could not create a virtual environment (on Debian: apt install python3-venv)' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)

# packages that tests build with and install, so that tests need no network
$(WHEELS)/.ready: $(READY) requirements/backends.txt requirements/action.txt requirements/hooks.txt requirements/server.txt $(wildcard requirements/pips/*.txt)
	@rm -rf $(WHEELS)
	@for lock in backends action hooks server; do \
		$(BIN)/python -m pip download --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
			--dest $(WHEELS) -r requirements/$$lock.txt || exit 1; done
	@for lock in requirements/pips/*.txt; do \
		$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
			--dest $(WHEELS)/pips -r $$lock || exit 1; done
	@touch $@

# an environment with exactly the packages of the image on Modal (with Python 3.12 if found), for the deployment's tests
$(IMAGE)/.ready: $(READY) requirements/modal.txt requirements/deploy.txt
	@$(BIN)/uv venv --quiet --clear --no-project $(IMAGE) \
		--python "$$($(BIN)/uv python find --quiet --no-python-downloads 3.12 2>/dev/null || echo $(BIN)/python)"
	@$(BIN)/uv pip install --quiet --python $(IMAGE)/bin/python --require-hashes \
		-r requirements/modal.txt -r requirements/deploy.txt
	@touch $@

# other programs that the index is tested with, in their own environment because their requirements conflict with ours
$(CLIENTS)/.ready: $(READY) requirements/clients.txt
	@$(BIN)/uv venv --quiet --clear --no-project --python $(BIN)/python $(CLIENTS)
	@$(BIN)/uv pip install --quiet --python $(CLIENTS)/bin/python --require-hashes -r requirements/clients.txt
	@touch $@

demo: $(READY)
	@$(BIN)/pypi-publish demo

# the environments of all tests
prepare: $(READY) $(WHEELS)/.ready $(IMAGE)/.ready $(CLIENTS)/.ready

test: prepare
	@$(BIN)/python -m pytest -m 'not wide and not campaign' $(PYTEST_ARGS)

# the remaining cells of the slow tables; CI runs them after the suite
test-wide: prepare
	@$(BIN)/python -m pytest -m 'wide and not campaign' $(PYTEST_ARGS)

# the slowest tests; run by hand
test-campaign: prepare
	@$(BIN)/python -m pytest -m campaign $(PYTEST_ARGS)

# mutation tests: random wrong changes that the suite should notice; takes hours, run by hand
test-mutants: prepare
	@$(BIN)/python tests/tools/mutate.py $(MUTANTS_ARGS)

test-all: test test-wide test-campaign test-mutants

# with uv, a uv tool; else a virtual environment in the user's data folder, with links to its commands
TOOL = $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/pypi-publish
USER_BIN = $(HOME)/.local/bin
COMMANDS := pypi-publish keyring

install:
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3 install' >&2; exit 1; }
	@echo 'Installing pypi-publish, which can take a minute or two ...'
	@if command -v uv >/dev/null; then \
		uv tool install --quiet --force --python "$(PYTHON)" --constraints requirements/server.txt \
			--with-executables-from keyring '.[server]' || exit 1; \
		folder="$$(uv tool dir --bin)"; for command in $(COMMANDS); do echo "Installed $$folder/$$command"; done; \
	else \
		$(PYTHON) -m venv --clear "$(TOOL)" || { echo 'Python could not create a virtual environment (on Debian: apt install python3-venv)' >&2; exit 1; }; \
		"$(TOOL)/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/server.txt && \
		"$(TOOL)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps . || exit 1; \
		mkdir -p "$(USER_BIN)"; folder="$(USER_BIN)"; \
		for command in $(COMMANDS); do \
			if test -e "$(USER_BIN)/$$command" && ! test -L "$(USER_BIN)/$$command"; then \
				echo "Kept $(USER_BIN)/$$command, which is not from this project"; \
			else ln -sf "$(TOOL)/bin/$$command" "$(USER_BIN)/$$command"; echo "Installed $(USER_BIN)/$$command"; fi; \
		done; \
	fi; \
	case ":$$PATH:" in *":$$folder:"*) ;; *) printf '%s\n' "Put them on your PATH:" "export PATH=\"$$folder:\$$PATH\"" ;; esac

uninstall:
	@if command -v uv >/dev/null; then uv tool uninstall --quiet pypi-publish 2>/dev/null || true; fi
	@for command in $(COMMANDS); do \
		if test "$$(readlink "$(USER_BIN)/$$command")" = "$(TOOL)/bin/$$command"; then rm "$(USER_BIN)/$$command"; fi; \
	done
	@rm -rf "$(TOOL)"
	@echo 'Removed pypi-publish. Passwords that `pypi-publish login` saved are still in your keyring.'

# with another Python: make test-essential PYTHON=/usr/bin/python3 VENV=.venv/debian
# (only their modules are collected: collecting all takes half as long as running these tests)
test-essential: prepare-essential
	@$(BIN)/python -m pytest -m essential $(PYTEST_ARGS) $$(grep -rlw essential tests --include='test_*.py')

prepare-essential: $(READY) $(WHEELS)/.ready

# each script compares with its peers in one run and prints ratios: benchmarks/README.md
bench: $(READY) $(WHEELS)/.ready $(CLIENTS)/.ready
	@rm -f $(VENV)/benchmarks.tsv
	@for script in $(BENCHMARKS); do \
		BENCHMARK_ROWS=$(VENV)/benchmarks.tsv $(BIN)/python benchmarks/$$script.py || exit 1; done
	@$(BIN)/python benchmarks/tables.py $(VENV)/benchmarks.tsv

deploy: $(READY)
	@$(BIN)/modal deploy deployments/pypi_deploy.py || { \
		echo 'If this machine is not logged in to Modal: $(BIN)/modal token new' >&2; \
		echo 'If the secret pypi-auth-token is missing: $(BIN)/modal secret create pypi-auth-token AUTH_TOKEN=$$(openssl rand -hex 32)' >&2; \
		echo 'For more: docs/tutorial/private-index-on-modal.md' >&2; exit 1; }

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions github-actions/*/action.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deployments/compose.yaml
	$(BIN)/zizmor --quiet --offline --persona auditor .github github-actions

check:
	@bash .ci/run

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links $(LOCK_ARGS) --custom-compile-command 'make lock'

docs: $(READY)
	@$(BIN)/python docs/generate_cli.py
	@$(BIN)/python docs/generate_actions.py
	@$(BIN)/python docs/generate_checks.py
	@$(BIN)/python docs/sentences.py

lock:
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	@echo uv | $(LOCK) - --output-file requirements/bootstrap.txt
	@$(LOCK) pyproject.toml --output-file requirements/publish.txt
	@$(LOCK) pyproject.toml --group action --output-file requirements/action.txt
	@$(LOCK) pyproject.toml --extra check --output-file requirements/hooks.txt
	@$(LOCK) pyproject.toml --extra server --output-file requirements/server.txt
	@$(LOCK) pyproject.toml --extra server --extra bucket --group modal --output-file requirements/modal.txt
	@$(LOCK) --group deploy --output-file requirements/deploy.txt
	@$(LOCK) --group clients --output-file requirements/clients.txt
	@$(LOCK) --group backends --output-file requirements/backends.txt
	@$(LOCK) pyproject.toml --extra server --extra bucket --group dev --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
