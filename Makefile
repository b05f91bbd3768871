# make study  the quick study on all local cores: sets itself up, runs, prints the main table
# make test   every test: sets itself up
# make setup  only the virtual environment
# make status    every run of the study CONFIG (default config/config.yaml): state, progress, figures so far
# make estimate  what CONFIG would cost now: new and cached jobs, hours, memory
# make published  the published study's tables from its own figures, and what does not follow from them
# make full-size  every stage of the published study's model once on the CPU, with times and memory: five to ten minutes;
#             CONFIG=config/record.yaml: of the record of 9 April
# make gpu    the published model on this machine's GPU: every figure with its budget, in results/gpu.json; ten minutes
#             DEVICE=cpu SCALE=tiny: the same path on a CPU; WHEELS=FOLDER: set up from a folder of wheels, no network
# TORCH=cpu|default  which build of torch to install; by default the CPU build where no NVIDIA driver answers

.DELETE_ON_ERROR:
.PHONY: setup study test check published status estimate full-size gpu
PYTHON ?= python3
CONFIG ?= config/config.yaml
DEVICE ?= cuda
SCALE ?= published
WHEELS ?=
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo default || echo cpu)
ifneq ($(WHEELS),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELS))
endif
export PATH := $(CURDIR)/$(BIN):$(PATH)

study: $(VENV)/.complete
	@snakemake --quiet rules progress host reason
	@cat results/quick/tables/summary.md && echo && echo "report: $(CURDIR)/results/quick/report.html"

published: $(VENV)/.complete
	@snakemake --quiet rules progress host reason -- published
	@cat results/published/tables.md

status estimate: $(VENV)/.complete
	@snakemake --nolock --quiet rules progress host reason --configfile $(CONFIG) -- $@

test: $(VENV)/.complete check
	@pytest -n $$(($$(nproc) + 1))  # one more than there are cores: tests on the cluster mostly wait

check: $(VENV)/.complete
	@ruff check . && ruff format --check . && snakefmt --check Snakefile rules && mypy
	@workflow/lint.sh

full-size: CONFIG = config/parameter_golf.yaml
full-size: $(VENV)/.complete
	@PYTHONPATH=tests python tests/full_size.py $(CONFIG)

gpu: $(VENV)/.complete
	@python -m flowgolf.gpu.check --device $(DEVICE) --scale $(SCALE)

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml constraints.txt workflow/install.sh
	@workflow/install.sh $(PYTHON) $(VENV) $(TORCH)
	@touch $@
