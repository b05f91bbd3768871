# make study  the quick study on all local cores: sets itself up, runs, prints the main table
# make test   every test: sets itself up
# make setup  only the virtual environment
# make published  the published study's tables from its own figures, and what does not follow from them
# TORCH=cpu|default  which build of torch to install; by default the CPU build where no NVIDIA driver answers

.DELETE_ON_ERROR:
.PHONY: setup study test check published
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo default || echo cpu)
export PATH := $(CURDIR)/$(BIN):$(PATH)

study: $(VENV)/.complete
	@snakemake --quiet rules progress host reason
	@cat results/quick/tables/summary.md && echo && echo "report: $(CURDIR)/results/quick/report.html"

published: $(VENV)/.complete
	@snakemake --quiet rules progress host reason -- published
	@cat results/published/tables.md

test: $(VENV)/.complete check
	@pytest -n auto

check: $(VENV)/.complete
	@ruff check . && ruff format --check . && snakefmt --check --quiet Snakefile rules && mypy
	@workflow/lint.sh

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml constraints.txt workflow/install.sh
	@workflow/install.sh $(PYTHON) $(VENV) $(TORCH)
	@touch $@
