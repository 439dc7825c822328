"""What makes two tasks the same: canonical JSON of their content, hashed.

Labels, the order of keys, the file's name, time limits and file formats are
not content. Numbers are floats: 5, 5.0 and 5e0 are one number, as are 0.0 and -0.0.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from battsweep.sweep.faults import shown
from battsweep.sweep.quantities import current_a, parse_current
from battsweep.sweep.spec import Output, Profile, Protocol, Run, Sweep
from battsweep.sweep.task import Task

NOMINAL_CAPACITY = "Nominal cell capacity [A.h]"
_ID_DIGITS = 32
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: object) -> bytes:
    """Encode plain values so that equal content gives equal bytes.

    Raises
    ------
    ValueError
        If a number is not finite, a key is not a text, or a value is of
        another kind: these have no JSON form.
    """
    return _ENCODER.encode(_plain(value)).encode()


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        try:
            return float(value) + 0.0  # turns -0.0 into 0.0
        except OverflowError:
            raise ValueError(f"{shown(value)}: too large for a float") from None
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"{shown(value)}: every key must be a text")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    raise ValueError(f"{shown(value)}: has no JSON form")


def digest(value: object) -> str:
    """Return the sha256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def parameter_digester(
    content: Mapping[str, float | str], names: Sequence[str]
) -> Callable[[Sequence[float | str]], str]:
    """Return a function from values of ``names`` to the digest of the whole content.

    It gives what `digest` gives for the content with these values in it, but
    what stays the same is encoded once: a sweep asks this for every point.
    """
    fixed = sorted(name for name in content if name not in names)
    encoded = [_member(name, content[name]) for name in fixed]
    order = sorted(range(len(names)), key=lambda place: names[place])
    keys = [json.dumps(names[place]) for place in order]
    pieces: list[str] = []
    start = 0
    for place in order:
        end = bisect_left(fixed, names[place])
        pieces.append(",".join(encoded[start:end]))
        start = end
    last = ",".join(encoded[start:])

    def of(values: Sequence[float | str]) -> str:
        parts: list[str] = []
        for place, key, piece in zip(order, keys, pieces, strict=True):
            if piece:
                parts.append(piece)
            parts.append(f"{key}:{_encoded(values[place])}")
        if last:
            parts.append(last)
        return hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()

    return of


def _member(name: str, value: float | str) -> str:
    return f"{json.dumps(name)}:{_encoded(value)}"


def _encoded(value: float | str) -> str:
    return canonical_json(value).decode()


def procedure_digest(
    procedure: Protocol,
    canonical_step: Callable[[str], object],
    profile: str | None,
    capacity_ah: float | None = None,
) -> str:
    """Return the digest of a filled protocol; its name is not in it.

    ``profile`` is the `profile_digest` of its profile, as that is slow to find.
    With ``capacity_ah`` a constant current counts in A, however it is written.

    Raises
    ------
    ValueError
        If the current is too large for a computer.
    """
    content: dict[str, object] = {"initial_soc": procedure.initial_soc}
    if procedure.kind == "steps":
        content["steps"] = [canonical_step(step) for step in procedure.steps]
        content["cycles"] = procedure.cycles
    elif procedure.kind == "constant":
        current = parse_current(procedure.current)
        value, unit = current.value, current.unit
        if capacity_ah is not None:
            value, unit = current_a(procedure.current, capacity_ah), "A"
        # 15 digits, as 0.07 C of 3 A.h and 0.21 A differ in the sixteenth
        content["current"] = {unit: float(f"{value:.15g}")}
        content["direction"] = procedure.direction
        content["duration_s"] = procedure.duration_s
    else:
        content["profile"] = profile
    return digest({"kind": procedure.kind, **content})


def profile_digest(profile: Profile | None) -> str | None:
    """Return the digest of a profile's numbers; where they came from is not in it."""
    return digest([profile.quantity, profile.times_s, profile.values]) if profile else None


def settings_digest(output: Output, run: Run) -> str:
    """Return the digest of what is kept of a task and how closely it is solved."""
    asked: dict[str, object] = {
        "series": sorted(output.series),
        "sampling": [output.every_s, output.points, output.solver_times],
        "summary": sorted(output.summary),
        "rtol": run.rtol,
        "atol": run.atol,
    }
    if output.series_cycles != "all":
        asked["series_cycles"] = output.series_cycles
    return digest(asked)


def task_id(
    *,
    kind: str,
    parameters: str,
    model: str,
    protocol: str,
    settings: str,
    measured: str | None = None,
    fit: str | None = None,
) -> str:
    """Return a task's id from the digests of its parts.

    ``measured`` is the sha256 of a curve that a summary needs; ``fit`` the
    digest of what a fit adds.
    """
    parts = {
        "kind": kind,
        "parameters": parameters,
        "model": model,
        "protocol": protocol,
        "settings": settings,
        "measured": measured,
        "fit": fit,
    }
    return digest(parts)[:_ID_DIGITS]


def request_digest(sweep: Sweep, *, pybamm: str) -> str:
    """Return the digest of all that decides which tasks a sweep has.

    Equal requests have equal tasks, which saves asking PyBaMM for them.
    ``pybamm`` is its version, as its parameter sets come with it; the content
    of parameter files is in the digest. How many tasks are proven is not.
    """
    run = replace(sweep.run, proof="sample")
    asked = asdict(replace(sweep, path=Path(), text="", run=run))
    asked["path"] = ""
    files = {
        cell.name: hashlib.sha256(Path(cell.parameter_set).read_bytes()).hexdigest()
        for cell in sweep.cells
        if cell.parameter_set.endswith(".json")
    }
    return digest({"sweep": asked, "files": files, "pybamm": pybamm})


def sweep_id(sweep: Sweep, tasks: Sequence[Task]) -> str:
    """Return a sweep's id, such as "rates-1a2b3c4d": its name and a digest of its tasks.

    It is `digest` of ``[name, [[id, cell, model, protocol, varied], ...]]``,
    found without holding the text of all tasks at once.
    """
    found = hashlib.sha256(b"[" + canonical_json(sweep.name) + b",[")
    for number, task in enumerate(tasks):
        listed = [task.id, task.cell, task.model, task.protocol, task.varied]
        found.update(b"," * (number > 0) + canonical_json(listed))
    found.update(b"]]")
    return f"{sweep.name}-{found.hexdigest()[:8]}"
