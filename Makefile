# Two commands do everything by themselves: `make demo` and `make test`. Nothing is assumed but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A worker a core, one thread each: most tests wait for processes and screens.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

.PHONY: demo test check soak bench gpu reship clean

demo: $(STAMP)
	@$(BIN)/roleplay demo yui

test: $(STAMP)
	@$(TESTS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TESTS)

# The full counts that the issues name; takes longer than a coffee.
soak: $(STAMP)
	HYPOTHESIS_PROFILE=soak $(TESTS) -m "soak or not soak"

bench: $(STAMP)
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench.training

# What only a GPU can show: tests marked so, and every table of docs/gpu.md.
gpu: $(STAMP)
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m tests.bench.gpu training founding exact lanes docs

# A new pocket makes adapters, tables and pictures stale: all of them are made again, to be committed together.
# docs/pocket.md tells of RECIPE, TEXT and MINUTES; with MINUTES it is called again until it ends well.
RECIPE ?= roleplay/pocket/pretrain.yaml
TEXT ?= $(or $(ROLEPLAY_SHARED),../shared)/pretrain
MINUTES ?=
reship: $(STAMP)
	$(BIN)/python -m roleplay.pocket.pretrain --recipe $(RECIPE) --text $(TEXT) $(if $(MINUTES),--minutes $(MINUTES))
	$(BIN)/python -m roleplay.pocket.ship --recipe $(RECIPE) --text $(TEXT)
	$(BIN)/python -m roleplay.pocket.adapters
	$(BIN)/python -m roleplay.pocket.bars --check
	$(BIN)/python -m tests.readme_picture

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("roleplay needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@echo "installing into $(VENV) (once; a few minutes) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
