PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
QUICKSTART = $(VENV)/.quickstart
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install quickstart test test-fast test-lowest test-reference lint docs clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable ".[quickstart,dev]"
	touch $(INSTALLED) $(QUICKSTART)

# A user needs a third of what a developer does.
$(QUICKSTART): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable ".[quickstart]"
	touch $(QUICKSTART)

# The main job: train a model, see it get better, use it.
quickstart: $(QUICKSTART)
	$(BIN)/python examples/quickstart.py --output relbert-nce --overwrite

# The whole suite but for the comparison with the reference library, which needs an environment of its own.
test: install
	$(BIN)/pytest -m "not reference"

test-fast: install
	$(BIN)/pytest -m "not reference and not slow and not faults"

test-reference: install
	$(BIN)/pytest -m reference

# With the lowest versions of all dependencies, in an environment of its own.
test-lowest: $(VENV)-lowest/.installed
	$(VENV)-lowest/bin/pytest -m "not reference and not slow and not faults"

$(VENV)-lowest/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet --disable-pip-version-check --constraint constraints-lowest.txt --editable ".[quickstart,dev]"
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation's site, in site/; any warning is an error.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) $(VENV)-lowest build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
