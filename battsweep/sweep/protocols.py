"""``[protocols.X]``: what is done to a cell, as steps, one current, or a profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from battsweep.errors import SpecError
from battsweep.sweep.cells import labelled
from battsweep.sweep.curves import Direction, read_profile
from battsweep.sweep.faults import Faults, shown
from battsweep.sweep.placeholders import names_in
from battsweep.sweep.replay import FITTED, FROM_REST, Wanted
from battsweep.sweep.schema import ProtocolTable, check
from battsweep.sweep.spec import Profile, Protocol
from battsweep.sweep.tables import read_text

_KINDS = ("steps", "discharge", "charge", "profile", "measured")
_PROFILE_KEYS = (
    "quantity",
    "unit",
    "positive",
    "scale",
    "time_column",
    "value_column",
)
_UNITS = {"current": {"A": 1.0, "mA": 1e-3}, "power": {"W": 1.0, "kW": 1e3}}


def read_protocols(value: object, *, folder: Path, faults: Faults) -> tuple[Protocol, ...]:
    """Return the protocols of a file; those with faults are noted and left out.

    Profiles are looked for in ``folder``.
    """
    protocols = []
    for label, given in labelled(value, "protocols", faults):
        place = f"protocols.{label}"
        if isinstance(given, dict):
            _check_keys(given, place, faults)
        table = check(ProtocolTable, given, place, faults)
        if table is None:
            _check_file(given, place, folder, faults)
            continue
        _check_braces(table, place, faults)
        if not faults.under(place):
            protocol = _protocol(label, table, place, folder, faults)
            if protocol:
                protocols.append(protocol)
    return tuple(protocols)


def directions(protocols: Iterable[Protocol]) -> dict[str, Direction | None]:
    """Return which way the current goes all through a protocol; None where it may turn."""
    return {
        protocol.name: protocol.direction if protocol.kind == "constant" else None
        for protocol in protocols
    }


def replaying(value: object) -> dict[str, Wanted]:
    """Return what the protocols that replay measured cycles want, by label; notes no faults."""
    found: dict[str, Wanted] = {}
    for label, given in value.items() if isinstance(value, dict) else ():
        table = check(ProtocolTable, given, "", Faults(""))
        if table is not None and table.measured is not None:
            cycles = table.measured.cycles
            soc = FROM_REST if table.initial_soc is None else table.initial_soc
            found[label] = Wanted(
                label,
                None if cycles == "all" else tuple(dict.fromkeys(cycles)),
                table.measured.as_ == "steps",
                soc,
            )
    return found


def _check_keys(given: Mapping[str, object], place: str, faults: Faults) -> None:
    """Note which keys are missing or do not go together."""
    kinds = [kind for kind in _KINDS if kind in given]
    if len(kinds) != 1 and not faults.under(place):
        told = f"has {' and '.join(kinds)}" if kinds else "says nothing that is done"
        faults.add(place, f"{told}; give exactly one of {', '.join(_KINDS)}")
    if len(kinds) != 1:
        return
    (kind,) = kinds
    allowed = {"steps": ("cycles",), "profile": _PROFILE_KEYS, "measured": ()}.get(
        kind, ("duration",)
    )
    soc = given.get("initial_soc")
    if soc in (FROM_REST, FITTED) and kind != "measured":
        faults.add(f"{place}.initial_soc", f"{soc!r}: is for measured cycles; give a number")
    for key in ("cycles", "duration", *_PROFILE_KEYS):
        if key in given and key not in allowed:
            faults.add(f"{place}.{key}", f"has no meaning beside {kind!r}; delete it")
    if kind == "profile" and "positive" not in given:
        faults.add(
            f"{place}.positive",
            "missing; write 'charge' or 'discharge', whichever a positive value means: "
            "testers mostly count charge as positive, drive cycles for models discharge",
        )


def _check_file(given: object, place: str, folder: Path, faults: Faults) -> None:
    """Note a profile that is not there, where other faults keep it from being read."""
    source = given.get("profile") if isinstance(given, dict) else None
    if isinstance(source, str):
        try:
            read_text(folder / source)
        except ValueError as error:
            faults.add(f"{place}.profile", f"{shown(source)}: {error}")


def _check_braces(table: ProtocolTable, place: str, faults: Faults) -> None:
    texts = {f"{place}.steps.{number}": step for number, step in enumerate(table.steps or ())}
    texts |= {
        f"{place}.discharge": table.discharge or "",
        f"{place}.charge": table.charge or "",
        f"{place}.initial_soc": table.initial_soc if isinstance(table.initial_soc, str) else "",
    }
    for where, text in texts.items():
        try:
            names_in(text)
        except ValueError as error:
            faults.add(where, str(error))


def _protocol(
    label: str, table: ProtocolTable, place: str, folder: Path, faults: Faults
) -> Protocol | None:
    soc = table.initial_soc
    if table.measured is not None:
        return Protocol(label, "profile")  # what it does is each cell's own
    if table.steps is not None:
        steps = tuple(table.steps)
        return Protocol(label, "steps", steps=steps, cycles=table.cycles, initial_soc=soc)
    if table.profile is not None:
        profile = _profile(table, place, folder, faults)
        if profile is None:
            return None
        return Protocol(label, "profile", profile=profile, initial_soc=soc)
    return Protocol(
        label,
        "constant",
        current=table.discharge or table.charge or "",
        direction="discharge" if table.discharge is not None else "charge",
        duration_s=table.duration,
        initial_soc=soc,
    )


def _profile(table: ProtocolTable, place: str, folder: Path, faults: Faults) -> Profile | None:
    units = _UNITS[table.quantity]
    unit: str = table.unit or ("A" if table.quantity == "current" else "W")
    if unit not in units:
        faults.add(
            f"{place}.unit",
            f"{unit!r}: not a unit of {table.quantity}; write {' or '.join(units)}",
        )
    if table.scale == 0:
        faults.add(f"{place}.scale", "0: would leave nothing of the profile")
    if table.time_column == table.value_column:
        faults.add(f"{place}.value_column", f"{table.value_column!r}: is the time column too")
    if faults.under(place):
        return None
    source = table.profile or ""
    sign = 1.0 if table.positive == "charge" else -1.0
    try:
        times, values = read_profile(
            folder / source,
            time=table.time_column,
            value=table.value_column,
            factor=sign * table.scale * units[unit],
            unit=unit if table.scale == 1 else None,
        )
    except SpecError as error:
        faults.extend(error.faults, place=f"{place}.profile")
        return None
    return Profile(table.quantity, times, values, source)
