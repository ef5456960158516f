# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m

.PHONY: demo test lint bench fuzz real wheel install install-dev clean

demo: install
	$(BIN)/mmsynth demo --out demo

# Two processes: the tests are single-threaded, and the machines that run them have two cores.
test: install-dev lint
	$(RUN) pytest -n 2

lint: install-dev
	$(BIN)/ruff check mmsynth tests benchmarks body_models datasets training
	$(BIN)/ruff format --check mmsynth tests benchmarks body_models datasets training
	$(BIN)/mypy

bench: install-dev
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/scaling.py

fuzz: install-dev
	MMSYNTH_FUZZ=10000 $(RUN) pytest -m fuzz --timeout 3600

real: install-dev
	$(RUN) pytest -m "real or slow"

wheel: install-dev
	$(RUN) build --wheel

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# torch first and pinned: an unpinned one brings gigabytes of CUDA packages.
$(VENV)/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,tensorboard]"
	touch $@

clean:
	rm -rf $(VENV) dist demo
