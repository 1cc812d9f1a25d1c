# Everything that a target needs is set up by the target, under .venv/. `make help` lists them.

PYTHON ?= python3
DEV = . "$$($(PYTHON) tools/environment.py)/bin/activate" &&

.DEFAULT_GOAL := help
.PHONY: help demo test long fuzz lint format types bench mutants catalogue lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start both example portals, visit them, and show where to look (Ctrl-C ends it)
	@demo=$$($(PYTHON) tools/environment.py --demo) && exec "$$demo/bin/python" tools/demo.py

test: ## Lint, format, types, and all tests on every supported interpreter that is here
	@$(PYTHON) tools/test.py

long: ## The tests that take minutes: whole programs, browsers, apps of others
	@$(DEV) pytest -m long -n 2 --dist loadfile

SECONDS ?= 60
fuzz: ## Look for pages that are read wrongly, SECONDS=60 long; prints its seed
	@$(DEV) python tests/fuzz.py $(SECONDS) $(SEED)

lint: ## ruff: rules and format
	@$(DEV) ruff check . && ruff format --check .

format: ## Let ruff mend what it can
	@$(DEV) ruff check --fix . && ruff format .

types: ## mypy, strict
	@$(DEV) mypy

bench: ## Measure, against the peers in the same run (see bench/README.md)
	@$(DEV) python -m bench

mutants: ## Break privacymw in each known way, and note what `privacymw check` says of it
	@$(DEV) python tools/mutants_page.py && python tools/proofs.py

catalogue: ## Take new texts into the translations, and compile them
	@$(DEV) python tools/catalogue.py

lock: ## Write requirements/*.txt anew from pyproject.toml
	@PYTHON="$(PYTHON)" tools/lock.sh

clean: ## Remove environments, caches and what the demo left
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist privacymw-data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
