# make demo   set up, then simulate -> pack -> train -> evaluate -> predict -> report
# make test   set up, then lint, types and all tests
# make docs   build the guide
# make bench  measure the speed claims
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test docs env lint bench clean
.DEFAULT_GOAL := demo

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Merkhet needs Python 3.11 or later; run: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Merkhet and what it needs into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: env
	rm -rf demo
	$(BIN)/merkhet simulate radio_galaxies demo/sky --n 2000 --seed 1
	$(BIN)/merkhet simulate radio_galaxies demo/new --n 60 --seed 2
	$(BIN)/merkhet pack demo/sky/catalog.csv demo/pack
	$(BIN)/merkhet train radio_galaxies data.table=demo/pack --out demo/run
	$(BIN)/merkhet evaluate demo/run
	$(BIN)/merkhet predict demo/run demo/new/images --out demo/catalog.ecsv --write-header
	$(BIN)/merkhet report demo/run
	@echo
	@echo "report:  demo/run/report.html"
	@echo "catalog: demo/catalog.ecsv   (rejects: demo/catalog_rejects.csv)"
	@echo "model:   demo/run/bundle"

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

docs: env
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "guide: docs/_build/html/index.html"

bench: env
	@$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo build dist docs/_build
