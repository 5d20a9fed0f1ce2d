# `make run` starts 群助 (Qunzhu). POSIX sh, GNU make 4.3, Python 3.11 to 3.13; nothing else is needed.
# What `run` honours: QUNZHU_HOST (127.0.0.1), QUNZHU_PORT (8000), QUNZHU_DATA_DIR (./var), and every other variable
# that docs/settings.md names.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench crash

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -q --disable-pip-version-check --no-input
# Stamps stand inside the environment: whoever deletes it deletes them.
PYTHON := $(BIN)/.made
RUNTIME := $(BIN)/.runtime-installed
DEVELOPMENT := $(BIN)/.development-installed

KILLS ?= 20

help:
	@echo 'make run     启动服务，首次会安装依赖并铺设演示社群 / run the service with the demo'
	@echo 'make test    跑测试 / run the tests'
	@echo 'make check   代码检查 / lint, format, types, layers'
	@echo 'make bench   性能基准 / benchmarks'
	@echo 'make crash   崩溃试验 KILLS=20 / kill it KILLS times and look for losses'
	@echo
	@echo 'QUNZHU_PORT=8080 make run    换端口 / another port'

run: $(RUNTIME)
	@QUNZHU_LOG_FORMAT="$${QUNZHU_LOG_FORMAT:-text}" exec $(BIN)/qunzhu serve --demo --login-link

test: $(DEVELOPMENT)
	$(BIN)/python -m pytest

check: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEVELOPMENT)
	$(BIN)/python -m evals.bench

crash: $(RUNTIME)
	$(BIN)/python -m evals.crash --kills $(KILLS)

$(PYTHON):
	@python=''; \
	for one in python3.11 python3; do \
	    if "$$one" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	        python="$$one"; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo '需要 Python 3.11 到 3.13，没有找到 python3.11，python3 也不是 / Python 3.11 to 3.13 is needed' >&2; exit 3; \
	fi; \
	"$$python" -m venv $(VENV) || { \
	    echo '建不了虚拟环境：Debian/Ubuntu 请先装 python3-venv / cannot make $(VENV): install python3-venv' >&2; exit 3; }
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml $(PYTHON)
	@echo '正在安装依赖到 $(VENV)，首次要几分钟 / installing into $(VENV), the first time takes a few minutes'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(RUNTIME)
	@echo '正在安装开发依赖 / installing what development needs'
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
