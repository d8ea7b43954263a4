# One command to run the app (make run), one to pass the tests (make test).
#   PORT=8502     another port          HOST=0.0.0.0   listen beyond this machine
#   PYTHON=...    which Python 3.11+    ARGS="-k plane" passed on to pytest
#   JOBS=4        tests at a time (0: in this process, for a debugger)

PYTHON ?= python3
PORT ?= 8501
# Not from the environment, where some shells and conda keep a HOST of their own.
HOST := localhost
ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.requirements-installed
INSTALLED_DEV := $(VENV)/.requirements-dev-installed

.DEFAULT_GOAL := help
.PHONY: help run test lint browser screenshots clean

help:
	@echo "make run          start the app on http://$(HOST):$(PORT)"
	@echo "make test         linters, types and every test"
	@echo "make lint         linters and types only"
	@echo "make screenshots  the pictures in docs/screenshots"
	@echo "make clean        caches (and the environment, with make clean ALL=1)"

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "error: $(PYTHON) is missing or older than 3.11; name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo \
	  "error: $(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# A stamp is as old as the last successful install, so a changed requirements file installs again.
$(INSTALLED): requirements.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(INSTALLED)
	$(BIN)/python -m streamlit run app.py --server.address $(HOST) --server.port $(PORT)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/mypy

browser: $(INSTALLED_DEV)
	@$(BIN)/python -m tests.e2e.browser --install

# A file at a time to each worker, in the order of the files, whose first, those with a browser, take longest. More than
# one thread for each would only make them wait for each other.
test: lint browser
	LATENT_EXPLORER_REQUIRE_BROWSER=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
	  --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

screenshots: browser
	$(BIN)/python -m docs.screenshots

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist $(if $(ALL),$(VENV))
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
