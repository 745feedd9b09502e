SHELL := bash
# Two commands on a fresh machine: `make demo` and `make test`. Everything else is a part of them.
# PYTHON=python3.12 make demo   uses another interpreter (3.11, 3.12 or 3.13).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
EXTRAS := torch,cluster,batch,onnx,scene,dev
# pytest workers; benchmarks and timing bounds are marked to run alone
WORKERS ?= 2

.PHONY: help demo test lint types pytest bench format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    build .venv, make sample data, run the main job without a screen, write demo-output/"
	@echo "make test    ruff, mypy and every test"
	@echo "make bench   measured figures beside named baselines (minutes)"
	@echo "make format  put the code into the project's format"
	@echo "make clean   remove everything these commands made"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; '$(PYTHON)' is older. Try: make PYTHON=python3.12 demo"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "python -m venv failed; on Debian and Ubuntu install the package python3-venv"; rm -rf $(VENV); exit 2; }
	@echo "installing exact versions from constraints.txt (first time: about two minutes, 1.5 GB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -c constraints.txt \
		--no-build-isolation -e '.[$(EXTRAS)]' | grep --line-buffered -E '^(Collecting|Installing|Successfully|ERROR)' ; \
		test $${PIPESTATUS[0]} -eq 0
	@touch $@

demo: $(READY)
	@$(BIN)/abdominal-oncology demo --output demo-output

test: lint types pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# none takes the place of a worker that died: pytest-xdist was seen to wait for ever after it
pytest: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0

bench: $(READY)
	@$(BIN)/abdominal-oncology bench

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo-output build Testing/output *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
