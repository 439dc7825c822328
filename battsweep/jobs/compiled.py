"""Solver functions compiled to machine code: when it pays, and where the files are kept.

PyBaMM's solver can have its functions compiled by gcc ("compile"). Measured on SPM, SPMe
and DFN (PyBaMM 26.10, gcc 12): a solve then takes 0.5, 0.6 and 0.8 of the time, and the
compiling 0.6, 1.4 and 9.5 s: both grow with the size of the functions, so what decides is
how many solver steps are to be done in all. The voltages differ by 6e-13 V. So that the
same sweep gives the same bits on every run in a store, the decision depends on the sweep
and on what an earlier run left compiled, never on a clock, and a store keeps to the one
that its first run of a sweep took.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

from battsweep.jobs.knots import stops
from battsweep.sweep.spec import Protocol

STEPS_TO_PAY = 100_000
"""Solver steps that repay compiling one model; about 700 SPM and 900 SPMe discharges a core."""
ALGEBRAIC = 3
"""So many times more where the model has algebraic equations, such as a DFN: there the
linear solver takes most of the time, and compiling takes longer (2,600 DFN discharges)."""

CONSTANT_STEPS = 75
STEP_STEPS = 60
KNOT_STEPS = 7


def solver_steps(protocol: Protocol, rtol: float) -> int:
    """Return about how many steps the solver takes in one task."""
    profile = protocol.profile
    if profile is not None:
        found = stops(np.array(profile.times_s), np.array(profile.values), rtol=rtol)
        return KNOT_STEPS * len(found)
    if protocol.kind == "steps":
        return STEP_STEPS * len(protocol.steps) * protocol.cycles
    return CONSTANT_STEPS


def pays(protocol: Protocol, *, tasks: int, algebraic: bool, rtol: float) -> bool:
    """Return whether compiling repays itself in a group of so many tasks."""
    models = max(1, len(set(protocol.steps)))
    needed = STEPS_TO_PAY * models * (ALGEBRAIC if algebraic else 1)
    return tasks * solver_steps(protocol, rtol) >= needed


def obstacle() -> str | None:
    """Return why nothing can be compiled here; None where it can, and PyBaMM knows where to."""
    if shutil.which("gcc") is None:
        return "there is no gcc to compile the solver's functions; they are interpreted"
    folder = cache_folder()
    if folder is None:
        return "no folder is this user's alone to keep compiled functions in; set XDG_CACHE_HOME"
    os.environ["PYBAMM_CASADI_AOT_CACHE"] = str(folder)
    return None


def cache_folder() -> Path | None:
    """Return a folder of this user's for compiled functions, made where it is not there.

    The code is made for this very kind of processor, which PyBaMM's names for the
    files do not say; so each kind has a folder of its own. None where no folder
    can be had that is the user's alone: the files are run.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "battsweep" / "compiled" / _processor()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    return folder if status.st_uid == os.getuid() and not status.st_mode & 0o022 else None


@contextmanager
def one_at_a_time(key: str) -> Generator[None]:
    """Let one process of this machine compile a group's functions; the others then find them."""
    folder = cache_folder()
    if folder is None:
        yield
        return
    with (folder / f"{key}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep(key: str) -> None:
    """Note that a group's functions were compiled: from now on it costs nothing."""
    marker = _marker(key)
    if marker is not None:
        marker.touch()


def is_kept(key: str) -> bool:
    """Return whether a group's functions were compiled before, by these very versions."""
    marker = _marker(key)
    return marker is not None and marker.exists()


def _marker(key: str) -> Path | None:
    folder = cache_folder()
    made_by = "-".join(version(name) for name in ("battsweep", "pybamm", "casadi"))
    return None if folder is None else folder / f"{key}-{made_by}.compiled"


def _processor() -> str:
    """Return a name that is equal for processors with the same instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    about = sorted({line for line in lines if line.startswith(wanted)})
    text = "\n".join([platform.machine(), platform.processor(), *about])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
