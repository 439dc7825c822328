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
    "is outside the range of possible values",
)


ADVICE = (
    (
        "non-positive at initial conditions",
        "the cell is beyond this limit before it starts: begin at another state of charge; an"
        " initial concentration above its maximum, a stoichiometry out of range, does this too",
    ),
    (
        "crack length larger than particle radius",
        "cracks have grown through the particles: lower the cracking rate, or do fewer cycles",
    ),
    (
        "porosity cut-off",
        "the pores are clogged or empty: lower the rate of the side reactions, or do fewer cycles",
    ),
    (
        "outside the range of possible values",
        "the electrodes cannot hold this lithium: a stoichiometry would be out of range; look at"
        " the maximum concentrations, volume fractions and initial concentrations",
    ),
    (
        "stoichiometry",
        "an electrode is empty or full: begin at another state of charge or concentration,"
        " or end the step earlier",
    ),
    (
        "utilisation cut-off",
        "the electrode is used up: begin at another state, or end the step earlier",
    ),
    (
        "maximum voltage",
        "the cell is at its upper limit: begin at a lower state of charge, or raise"
        " 'Upper voltage cut-off [V]' or the step's own limit",
    ),
    (
        "minimum voltage",
        "the cell is at its lower limit: begin at a higher state of charge, or lower"
        " 'Lower voltage cut-off [V]' or the current",
    ),
    (
        "every step was skipped",
        "begin at another state of charge, or change what ends the steps",
    ),
    (
        "interpolat",
        "a table of the parameter set is left: give it more points, or end the step earlier",
    ),
)
"""What to do about a failure, by words in its message; the first that fits counts."""

SOLVER_ADVICE = (
    "look for values far from the set's own, or functions that leave the range they were made for;"
    " else try other run.solver tolerances or mesh"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, in one class and one message."""

    failure_class: str
    message: str


def advised(failure: Failure, reason: str = "") -> Failure:
    """Return a failure whose message has the solver's own reason, and what to do about it."""
    message = failure.message
    if failure.failure_class == "solver":
        why = f" ({reason})" if reason and reason not in message else ""
        return Failure("solver", f"{message}{why}; {SOLVER_ADVICE}")
    if failure.failure_class != "infeasible":
        return failure
    lower = message.lower()
    found = next((advice for words, advice in ADVICE if words in lower), None)
    return failure if found is None else Failure("infeasible", f"{message}; {found}")


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
