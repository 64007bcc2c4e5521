# Everything is set up in .venv by the targets themselves; `make` lists them.
#
#   make quickstart PYTHON=/path/to/python3.12      chooses the interpreter
#   make test ARGS="tests/data -x"                  goes to pytest

PYTHON ?=
ARGS ?=
# One more than there are cores: some tests wait for servers, browsers and other processes.
WORKERS ?= $(shell expr $$(nproc) + 1)
CHECKED := tgan_tf export benchmarks tests train.py setup.py

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:
	@echo "make quickstart   train, measure and export a generator of handwritten digits (5 minutes)"
	@echo "make test         run the tests"
	@echo "make test-parity  compare the metrics with torch-fidelity, clean-fid and prdc (1.5 GB download)"
	@echo "make lint         check style, format and types"
	@echo "make format       correct style and format where a tool can"
	@echo "make clean        remove .venv and caches; runs stay"

.PHONY: quickstart
quickstart: .venv/.installed
	.venv/bin/python train.py --flagfile=configs/quickstart.flags

.PHONY: test
test: .venv/.installed-test
	.venv/bin/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile $(ARGS)

# The reference implementations live in an environment of their own, outside of this folder.
PARITY ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tgan_tf/parity

.PHONY: test-parity
test-parity: .venv/.installed-test $(PARITY)/.installed
	$(PARITY)/bin/python -m tests.oracles.metrics $(PARITY)/golden.json
	TGAN_TF_GOLDEN=$(PARITY)/golden.json .venv/bin/python -m pytest $(ARGS) \
		tests/metrics/test_golden.py tests/metrics/test_inception.py

$(PARITY)/.installed: tests/oracles/requirements.txt
	.venv/bin/python -m venv --clear $(PARITY)
	$(PARITY)/bin/python -m pip install --quiet --requirement tests/oracles/requirements.txt
	touch $@

.PHONY: lint
lint: .venv/.installed-test
	.venv/bin/python -m ruff check $(CHECKED)
	.venv/bin/python -m ruff format --check $(CHECKED)
	.venv/bin/python -m mypy

.PHONY: format
format: .venv/.installed-test
	.venv/bin/python -m ruff check --fix $(CHECKED)
	.venv/bin/python -m ruff format $(CHECKED)

.PHONY: clean
clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find $(wildcard $(CHECKED)) -name __pycache__ -prune -exec rm -rf {} +

# The stamps are newer than setup.py when its requirements are met, so a second call installs nothing.
.venv/.installed: setup.py
	@$(MAKE_VENV)
	$(INSTALL) .
	@touch $@

.venv/.installed-test: setup.py
	@$(MAKE_VENV)
	$(INSTALL) '.[test]'
	@sh tests/system-packages.sh
	@touch .venv/.installed $@

# pip of 2022, which comes with Python 3.10, searches for hours where today's finds at once.
define INSTALL
@echo "Installing into .venv; TensorFlow alone is a download of some 600 MB"
.venv/bin/python -m pip install --quiet --upgrade pip
.venv/bin/python -m pip install --editable
endef

SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10 python \
	$(wildcard $(HOME)/.pyenv/versions/3.1[0-3].*/bin/python))

# Keeps a .venv whose interpreter is suitable. A candidate is run, not only found: it may be the shim
# of a version manager with nothing behind it, or lack the part that makes environments.
define MAKE_VENV
if .venv/bin/python -c '$(SUITABLE)' 2>/dev/null; then exit 0; fi; \
for python in $(CANDIDATES); do \
	if "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
		echo "Making .venv with $$("$$python" --version): $$(command -v "$$python")"; \
		"$$python" -m venv --clear .venv; exit; \
	fi; \
done; \
echo "error: no Python 3.10 to 3.13 with the modules venv and ensurepip; tried: $(CANDIDATES)." >&2; \
echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name one:" >&2; \
echo "make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
exit 1
endef
