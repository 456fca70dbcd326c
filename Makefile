# One command each; `make` lists them. Needs make, coreutils and Python 3.11 or newer, nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo dev test budget bench clean

# The Python to set up with; empty means the first one that will do.
PYTHON ?=
# Passed on: `make demo ARGS=--all`, `make test ARGS="-k idempotency"`.
ARGS ?=
# One benchmark instead of all: `make bench ONLY=end_to_end`.
ONLY ?=

VENV := .venv
READY := $(VENV)/installed

help:
	@printf '%s\n' \
	  'make demo            real purchases through every process to the chain, then a proof that ledger and chain agree' \
	  'make demo ARGS=--all the same with all 6,919 purchases' \
	  'make dev             the whole system, up until Ctrl-C; prints addresses, keys and what to try next' \
	  'make test            linters, then the tests (half an hour on two cores); ARGS="-k idempotency" picks some' \
	  'make budget          what a mint and an event cost against what is committed (two minutes); CI runs it before the tests' \
	  'make bench           every measurement against its target; ONLY=end_to_end picks one' \
	  'make clean           remove all that make made: .venv, build and caches' \
	  '' \
	  'Each sets up .venv first, from hash-pinned requirements; PYTHON=python3.12 chooses the Python for it.'

demo: $(READY)
	@exec $(VENV)/bin/cashback demo $(ARGS)

dev: $(READY)
	@exec $(VENV)/bin/cashback dev $(ARGS)

test: $(READY)
	@exec $(VENV)/bin/nox --sessions lint tests -- $(ARGS)

budget: $(READY)
	@exec $(VENV)/bin/nox --sessions budget

bench: $(READY)
	@exec $(VENV)/bin/nox --sessions bench -- $(ONLY) $(ARGS)

clean:
	@rm -rf $(VENV) build dist .nox .hypothesis .coverage src/*.egg-info
	@find src tests proto requirements migrations noxfile.py -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The versions tried come first; a newer Python may serve, an older one cannot.
$(READY): requirements/bootstrap.txt requirements/development.txt requirements/install.py pyproject.toml
	@for newest in '(3, 14)' '(4,)'; do \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$python" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < $$newest)" 2>/dev/null; then \
	      exec "$$python" requirements/install.py; \
	    fi; \
	  done; \
	done; \
	printf '%s\n' 'cashback needs Python 3.11 or newer, and found none among: $(or $(PYTHON),python3 python3.13 python3.12 python3.11).' \
	  'Name one with: make PYTHON=/path/to/python3.12 ...' >&2; \
	exit 1
