# make demo    environment from the pinned lock, then the main example
# make bench   all tables; PYBOP=/path/to/a/python with PyBOP adds that peer
# make test    checks and the whole test-suite
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export PYBAMM_DISABLE_TELEMETRY = true
export OMP_NUM_THREADS = 1

.PHONY: demo test check bench lock format clean

demo: $(VENV)/run.done
	$(BIN)/python examples/demo.py

test: check
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered
	$(BIN)/python -m coverage report --fail-under=85 >/dev/null

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/run.done
	$(BIN)/python benchmarks/speed.py $(if $(PYBOP),--pybop $(PYBOP))
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/first_result.py
	$(BIN)/python benchmarks/status_at_size.py
	$(BIN)/python benchmarks/ageing.py
	$(BIN)/python benchmarks/pilot.py
	$(BIN)/python benchmarks/cleaning.py --messy ../shared/data/messy_multi_cell
	$(BIN)/python benchmarks/ingest.py

format: $(VENV)/dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Byte-compiled, since importing PyBaMM takes four times as long otherwise.
$(VENV)/run.done: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib battsweep
	touch $@

$(VENV)/dev.done: requirements/dev.txt $(VENV)/run.done
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib
	touch $@

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --no-strip-extras -o requirements/run.txt requirements/run.in
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links --no-strip-extras -c requirements/run.txt \
	  -o requirements/dev.txt requirements/dev.in

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
