PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
QUICKSTART = $(VENV)/.quickstart
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install quickstart test test-fast test-lowest test-latest test-reference lint docs clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable ".[quickstart,dev]"
	touch $(INSTALLED) $(QUICKSTART)

# A user needs a third of what a developer does.
$(QUICKSTART): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --editable ".[quickstart,search]"
	touch $(QUICKSTART)

# The main job: train a model, see it get better, use it.
EVERYDAY = 'Tokyo\tJapan\nteacher\tschool\nthermometer\ttemperature\n'
ANALOGIES = 'Tokyo\tJapan\tParis\ncarpenter\twood\ttailor\n'

quickstart: $(QUICKSTART)
	$(BIN)/python examples/quickstart.py --output relbert-nce --overwrite
	$(BIN)/st-relbert index build starter --model relbert-nce --output relbert-nce-pairs --overwrite --quiet
	printf $(EVERYDAY) | $(BIN)/st-relbert index search relbert-nce-pairs --queries - -k 3
	printf $(ANALOGIES) | $(BIN)/st-relbert complete relbert-nce-pairs --queries - -k 3 --quiet

# The whole suite but for the comparison with the relbert library, which needs an environment of its own.
# A process a core and one thread each: most tests compute little and wait for processes that they start.
WORKERS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(1)/bin/pytest -n $(WORKERS) --dist worksteal

test: install
	$(call PYTEST,$(VENV)) -m "not reference"

test-fast: install
	$(call PYTEST,$(VENV)) -m "not reference and not slow and not faults"

test-reference: install
	$(BIN)/pytest -m reference

# With the lowest versions of all dependencies, in an environment of its own.
test-lowest: $(VENV)-lowest/.installed
	$(call PYTEST,$(VENV)-lowest) -m "not reference and not slow and not faults"

$(VENV)-lowest/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet --disable-pip-version-check --constraint constraints-lowest.txt --editable ".[quickstart,test]"
	touch $@

# With the newest versions that pyproject.toml allows, in an environment of its own. Torch is the tested one, as its newest
# build is of several GB on many machines; `make test-latest TORCH=torch` takes that. What fails for a reason that is not
# ours, tests/core.txt leaves out: LoRA, as transformers 5.24 wants peft 0.22, which is not out.
TORCH ?= $(shell grep "^torch==" constraints.txt)

test-latest:
	rm -rf $(VENV)-latest
	$(PYTHON) -m venv $(VENV)-latest
	$(VENV)-latest/bin/pip install --quiet --disable-pip-version-check "$(TORCH)" --editable ".[test-core]"
	$(call PYTEST,$(VENV)-latest) @tests/core.txt

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vermin --quiet --no-tips --violations --target=3.10- st_relbert

# The documentation's site, in site/; any warning is an error.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:
	rm -rf $(VENV) $(VENV)-latest $(VENV)-lowest build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
