"""What every process that computes is started with."""

from __future__ import annotations

import os

PINNED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PYBAMM_DISABLE_TELEMETRY": "true",
}


def pin_environment() -> None:
    """Give this process and all it starts one BLAS/OpenMP thread and no telemetry.

    To be called before NumPy or PyBaMM is imported. Safe to call twice.
    """
    os.environ.update(PINNED)
