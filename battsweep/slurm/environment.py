"""What Slurm tells a process that runs inside an allocation, by environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

_PROVENANCE = {
    "SLURM_JOB_ID": "allocation",
    "SLURM_ARRAY_TASK_ID": "array_index",
    "SLURM_JOB_PARTITION": "partition",
    "SLURMD_NODENAME": "node",
    "SLURM_RESTART_COUNT": "restarts",
}


def allocation_provenance(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the allocation, node and partition of this process; empty outside Slurm."""
    variables = os.environ if environment is None else environment
    return {name: variables[key] for key, name in _PROVENANCE.items() if key in variables}


def allotted_cores(environment: Mapping[str, str] | None = None) -> int:
    """Return the cores this process may use: Slurm's word, else the scheduler's mask."""
    variables = os.environ if environment is None else environment
    for key in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if variables.get(key, "").isdecimal():
            return max(1, int(variables[key]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
