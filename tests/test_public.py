"""The public names, and that asking for none of them costs nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import battsweep

ROOT = Path(battsweep.__file__).parents[1]
HOMES = {
    "BattsweepError": ("battsweep.errors", "BattsweepError"),
    "SpecError": ("battsweep.errors", "SpecError"),
    "StoreError": ("battsweep.errors", "StoreError"),
    "load_sweep": ("battsweep.sweep.load", "load_sweep"),
    "open_store": ("battsweep.store.store", "open_store"),
    "plan": ("battsweep.jobs.plan", "make_plan"),
    "run": ("battsweep.jobs.driver", "run_plan"),
}


def modules_after(code):
    """Return what a new process has imported after some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_public_names_are_these_and_in_order():
    assert battsweep.__all__ == sorted(HOMES)


@pytest.mark.parametrize("name", HOMES)
def test_a_public_name_is_the_thing_of_its_module(name):
    module, attribute = HOMES[name]
    assert getattr(battsweep, name) is vars(importlib.import_module(module))[attribute]


def test_every_public_name_says_what_it_is_for():
    assert all(getattr(battsweep, name).__doc__ for name in battsweep.__all__)


def test_an_unknown_name_is_an_attribute_error_that_says_it():
    with pytest.raises(AttributeError, match="'battsweep' has no attribute 'runn'"):
        battsweep.runn  # noqa: B018


def test_importing_the_package_imports_nothing_that_is_not_pythons_own():
    before, after = modules_after(""), modules_after("import battsweep")
    assert after - before - set(sys.stdlib_module_names) == {"battsweep"}


def test_loading_a_sweep_does_not_import_pybamm_or_dask():
    found = modules_after("from battsweep import load_sweep")
    assert not found & {"pybamm", "dask", "distributed", "matplotlib", "pandas", "scipy"}
