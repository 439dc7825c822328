"""Why a task failed: PyBaMM's and Python's errors into the closed list of classes."""

from __future__ import annotations

from dataclasses import dataclass

INFEASIBLE_TEXTS = (
    "non-positive at initial conditions",
    "infeasible",
    "no longer feasible",
    "event exceeded in initial conditions",
    "is not between the voltage limits",
    "initial conditions are infeasible",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, in one class and one message."""

    failure_class: str
    message: str


def classify_failure(error: BaseException) -> Failure:
    """Return the class and message of an exception raised while a task was solved."""
    message = " ".join(str(error).split()) or type(error).__name__
    kind = type(error).__name__
    lower = message.lower()
    if isinstance(error, MemoryError):
        return Failure("memory", f"out of memory: {message}")
    if any(text in lower for text in INFEASIBLE_TEXTS):
        return Failure("infeasible", message)
    if kind in ("SolverError", "CasadiSolverError"):
        return Failure("solver", message)
    if kind in ("ModelError", "DomainError", "DiscretisationError", "GeometryError"):
        return Failure("spec", f"{kind}: {message}")
    if kind in ("ValueError", "KeyError"):
        return Failure("spec", f"{kind}: {message}")
    return Failure("error", f"{kind}: {message}")
