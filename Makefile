# Commands: make demo, make test, make check, make bench-quick. Everything is installed in .venv; delete it to start over.
PYTHON ?= python3
VENV ?= .venv
# Installed first, so that exactly this torch is used. TORCH="torch==2.13.0 --index-url ..." selects another source.
TORCH ?= torch==2.13.0

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
# One process for each core: the models of the tests are too small for a second thread.
TESTS = $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test slow check docs bench-quick folk clean help

help:
	@echo "make demo    train a small model on fiddle tunes, then play it and the bundled models (under ten minutes)"
	@echo "make test    run the tests"
	@echo "make slow    run the long tests, including the demo"
	@echo "make check   run ruff, ruff format and mypy"
	@echo "make docs    build the API reference as HTML, in build/docs"
	@echo "make bench-quick   run the quick benchmarks on tiny models, to see whether anything got worse (under ten minutes)"
	@echo "make folk    train the bundled model folk again, as checkpoints/folk-again (hours without a GPU)"

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "musegen needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(TORCH)
	$(PIP) install -e '.[test]'
	touch $@

$(VENV)/.checkers: $(VENV)/.installed
	$(PIP) install -e '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/musegen demo

test: $(VENV)/.installed
	$(TESTS)

slow: $(VENV)/.checkers
	$(TESTS) -m slow

check: $(VENV)/.checkers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The reference of the Python API, from the docstrings.
PACKAGES = checkpoint config data display evaluation generation metrics models music tokenizers training
docs: $(VENV)/.checkers
	$(BIN)/pdoc --docformat google --output-directory build/docs musegen $(addprefix musegen.,$(PACKAGES))

bench-quick: $(VENV)/.installed
	$(BIN)/python -m benchmarks.quick

# Trains the bundled model folk again: transposed to all keys, then in the original keys.
FOLK = $(BIN)/musegen train lm folk --optim.batch-tokens
folk: $(VENV)/.installed
	$(FOLK) 32768 --model.hidden-size 432 --model.dropout 0.3 --model.lookback 1 2 4 8 16 \
		--trainer.max-steps 1500 --trainer.val-check-interval 250 --out checkpoints/folk-all-keys
	$(FOLK) 32768 --init checkpoints/folk-all-keys --data.transpose 0 --optim.lr 1e-3 \
		--trainer.max-steps 300 --trainer.val-check-interval 100 --out checkpoints/folk-home
	$(FOLK) 16384 --init checkpoints/folk-home --data.transpose 0 --optim.lr 1e-3 --sampling.min-p 0.02 --sampling.diatonic 0.5 \
		--trainer.max-steps 450 --trainer.val-check-interval 150 --out checkpoints/folk-again

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
