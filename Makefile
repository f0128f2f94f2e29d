# One command each; every one sets up what is missing by itself.
.DEFAULT_GOAL := help
.PHONY: help run test check bench soak story translations migration lock clean
BIN := .venv/bin
DEMO_HOME ?= $(CURDIR)/.demo

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

run:             ## set up what is missing and start a living demo co-op on http://localhost:8080
	@sh scripts/setup.sh run
	@# An instance that was up before is filled already; not asking it saves three seconds.
	@[ -e "$${COOP_HOME:-$(DEMO_HOME)}/run/up.json" ] || COOP_HOME="$${COOP_HOME:-$(DEMO_HOME)}" $(BIN)/coop demo --if-empty
	@COOP_HOME="$${COOP_HOME:-$(DEMO_HOME)}" exec $(BIN)/coop up

test:            ## set up what is missing and run every test
	@sh scripts/setup.sh test
	@$(BIN)/python -m pytest -m "not soak" $(ARGS)

check:           ## format, lint, types, imports, templates
	@sh scripts/setup.sh test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check --quiet templates && $(BIN)/djlint --lint --quiet templates

bench:           ## measure anew (NAME=foundation for one), write bench/results
	@sh scripts/setup.sh test
	@$(BIN)/python -m bench $(NAME)

soak:            ## the long campaigns: hundreds of kills and seeds
	@sh scripts/setup.sh test
	@$(BIN)/python -m pytest -m soak $(ARGS)

story:           ## play the whole chain on a throwaway instance (OUT=folder for its artefacts)
	@sh scripts/setup.sh run
	@$(BIN)/coop story --out $(or $(OUT),build/story)

translations:    ## collect every visible string into translations/messages.pot
	@$(BIN)/pybabel -q extract -F babel.cfg -k N_ -k _ --no-location --omit-header -o translations/messages.pot .

migration:       ## write the next migration from the models (M="what it does")
	@$(BIN)/python scripts/migration.py "$(M)"

lock:            ## resolve all dependencies anew, with hashes and without addresses
	@sh scripts/lock.sh

clean:           ## remove what set-up and runs left behind (the demo co-op too)
	rm -rf .venv .setup .demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache node_modules static/vendor
