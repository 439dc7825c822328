from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from battsweep.errors import Fault, SpecError
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Sweep
from battsweep.sweep.task import Resolved, ResolvedCell

CONTENT = {
    "Nominal cell capacity [A.h]": 5.0,
    "Ambient temperature [K]": 298.15,
    "Initial temperature [K]": 298.15,
    "Negative electrode thickness [m]": 85.2e-6,
    "Negative electrode OCP [V]": "sha256-of-a-function",
}
KNOWN_STEPS = ("Discharge", "Charge", "Rest", "Hold")

BASE = {
    "head": 'name = "rates"',
    "cells": '[cells.A]\nparameter_set = "Chen2020"',
    "models": "[models.SPM]",
    "protocols": '[protocols.cc]\ndischarge = "{rate}C"',
    "axes": "[[axes]]\nrate = [1, 2]",
}


def canonical_step(text: str) -> object:
    """Stand in for PyBaMM: knows a few verbs, and that spaces do not matter."""
    words = text.split()
    if not words or words[0] not in KNOWN_STEPS:
        raise ValueError(f"{text!r}: not a step that PyBaMM understands")
    return words


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a sweep file of the base's sections, some replaced or added by keyword."""

    def write_sections(**sections: str) -> Path:
        path = tmp_path / "sweep.toml"
        path.write_text("\n".join({**BASE, **sections}.values()) + "\n")
        return path

    return write_sections


@pytest.fixture
def load(write: Callable[..., Path]) -> Callable[..., Sweep]:
    return lambda **sections: load_sweep(write(**sections))


@pytest.fixture
def faults(write: Callable[..., Path]) -> Callable[..., list[Fault]]:
    """Return the faults of a sweep file."""

    def faults_of(**sections: str) -> list[Fault]:
        with pytest.raises(SpecError) as caught:
            load_sweep(write(**sections))
        return list(caught.value.faults)

    return faults_of


@pytest.fixture(scope="session")
def resolve() -> Callable[..., Resolved]:
    """Stand in for what jobs finds out from PyBaMM."""

    def resolve_sweep(sweep: Sweep) -> Resolved:
        cells = {
            cell.name: ResolvedCell(
                cell.parameter_set, "0" * 64, {**CONTENT, **cell.overrides}, cell.overrides
            )
            for cell in sweep.cells
        }
        models = {
            model.name: {
                "type": model.type,
                "options": dict(model.options),
                "mesh": dict(model.mesh),
            }
            for model in sweep.models
        }
        return Resolved(cells, models, canonical_step)

    return resolve_sweep
