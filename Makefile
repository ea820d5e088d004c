# make demo   set up, then simulate a survey -> patches -> train a detector -> scan -> catalog, page, scores
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
	$(BIN)/merkhet simulate halo_survey demo/learn --tiles 10 --crowding 6 --overlap 0 --seed 1
	$(BIN)/merkhet simulate halo_survey demo/sky --tiles 3 --seed 2
	$(BIN)/merkhet patches demo/learn/tiles.csv --out demo/patches
	$(BIN)/merkhet train halo_scan data.table=demo/patches --out demo/run train.epochs=10
	$(BIN)/merkhet scan demo/run demo/sky/tiles.csv --out demo/halos.ecsv
	$(BIN)/merkhet evaluate demo/halos.ecsv --truth demo/sky/truth.ecsv --tiles demo/sky/tiles.csv --out demo/scores
	@echo
	@echo "page:    demo/halos.html      the survey with what was found, and the photons of each detection"
	@echo "catalog: demo/halos.ecsv      (rejects: demo/halos_rejects.csv, regions for DS9: demo/halos.reg)"
	@echo "scores:  demo/scores          against the truth of the simulation"
	@echo "model:   demo/run/bundle      (report: demo/run/report.html)"

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
