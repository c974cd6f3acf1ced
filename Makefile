# Needs only make and Python 3.11 or newer with pip; everything else goes into .venv.
PYTHON ?= python3
TARGET ?= target-jsonl

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
SOURCES := $(wildcard tap_replies tests demo benchmarks)

# uv reads neither pip's settings nor the system's certificates by itself.
INDEX := $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif
export UV_SYSTEM_CERTS := 1

.PHONY: help demo test test-all bench lint clean

help:
	@echo "make demo                          run Mailchimp + Re:amaze sandbox -> Meltano -> JSON lines, twice"
	@echo "make demo TARGET=target-postgres   the same into a real PostgreSQL"
	@echo "make test                          lint, types and tests (test-all adds the long ones)"
	@echo "make bench                         what is measured"
	@echo "make clean                         remove whatever the above made"

demo: $(VENV)/demo.stamp
	@$(BIN)/python -m demo.run --target=$(TARGET)

test: lint $(VENV)/target-jsonl.stamp $(VENV)/target-postgres.stamp
	$(BIN)/pytest -n auto --dist worksteal

test-all: lint $(VENV)/target-jsonl.stamp $(VENV)/target-postgres.stamp
	$(BIN)/pytest -n auto --dist worksteal -m "long or not long"

bench: $(VENV)/dev.stamp $(VENV)/target-jsonl.stamp $(VENV)/target-postgres.stamp
	$(BIN)/python -m benchmarks

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)

# The state of real runs is in .meltano/meltano.db and stays.
clean:
	rm -rf $(VENV) $(addprefix .meltano/,extractors loaders run) .demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp says what .venv holds; it is older than pyproject.toml when that has changed.
$(UV):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet uv

$(VENV)/%.stamp: pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --group $* --editable .[sandbox]
	@rm -rf .meltano/extractors # Meltano's copy of the tap may lack a dependency now
	@touch $@

# Each target in an environment of its own: the two cannot share one.
$(VENV)/target-jsonl.stamp: REQUIREMENT := target-jsonl==0.1.4
$(VENV)/target-postgres.stamp: REQUIREMENT := meltanolabs-target-postgres~=0.8.1
$(VENV)/target-%.stamp: Makefile | $(UV)
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/target-$*
	$(UV) pip install --quiet --python $(VENV)/target-$*/bin/python $(REQUIREMENT)
	@touch $@
