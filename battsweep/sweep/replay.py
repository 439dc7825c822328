"""``measured`` of a protocol: each cell's own measured cycles, to be simulated and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from typing import Protocol as TypingProtocol

from battsweep.errors import DataError, StoreError
from battsweep.sweep.faults import Faults
from battsweep.sweep.identity import digest
from battsweep.sweep.reduction import charge_moved, reduced
from battsweep.sweep.spec import Axis, Cell, Measured, Profile, Protocol, Replay

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CYCLE = "cycle"
"""The varied name that a replayed protocol gives its tasks."""
FROM_REST, FITTED = "rest", "fit"
LONGEST_PAUSE_S = 300.0
SHORTEST_REST_S = 600.0


class HasCells(TypingProtocol):
    """What holds measured cells, such as an open store."""

    def cell(self, name: str) -> Any:
        """Return a cell with ``series``, ``steps`` and ``cycles``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A protocol that replays: which cycles (None for all), and what of them."""

    label: str
    cycles: tuple[int, ...] | None
    steps: bool
    initial_soc: float | str


def with_replays(
    protocols: Iterable[Protocol],
    cells: Iterable[Cell],
    wanted: Mapping[str, Wanted],
    holder: Callable[[], HasCells | None],
    faults: Faults,
) -> tuple[tuple[Protocol, ...], tuple[Measured, ...]]:
    """Return protocols with what each cell's cycles ask for, and the measured curves.

    ``holder`` opens what has the cells; faults are noted.
    """
    cells = tuple(cells)
    if not wanted and not any(cell.measured for cell in cells):
        return tuple(protocols), ()
    found = _histories(cells, wanted, holder, faults)
    made: list[Protocol] = []
    curves: list[Measured] = []
    for protocol in protocols:
        if protocol.name not in wanted:
            made.append(protocol)
            continue
        replays: list[Replay] = []
        for cell in cells:
            if cell.name in found:
                some, measured = _of_cell(cell, wanted[protocol.name], found[cell.name], faults)
                replays += some
                curves += measured
        if replays:
            first = replays[0]
            kind = replace(protocol, kind="steps" if first.steps else "profile")
            made.append(
                replace(kind, profile=first.profile, steps=first.steps, replays=tuple(replays))
            )
    return tuple(made), tuple(curves)


def replayed_by(
    cell: str, protocols: Iterable[Protocol]
) -> Iterator[tuple[Protocol, Replay | None]]:
    """Yield each protocol, and once for each cycle of a cell that it replays."""
    for protocol in protocols:
        if not protocol.replays:
            yield protocol, None
        for replay in protocol.replays:
            if replay.cell == cell:
                yield protocol, replay


def cycle_axis(protocols: Iterable[Protocol]) -> tuple[Axis, ...]:
    """Return the cycles that are replayed as an axis; none where nothing is replayed."""
    cycles = {float(replay.cycle) for protocol in protocols for replay in protocol.replays}
    return (Axis((CYCLE,), tuple((cycle,) for cycle in sorted(cycles))),) if cycles else ()


def _histories(
    cells: tuple[Cell, ...],
    wanted: Mapping[str, Wanted],
    holder: Callable[[], HasCells | None],
    faults: Faults,
) -> dict[str, Any]:
    named = [cell for cell in cells if cell.measured]
    if wanted and not named:
        for label in wanted:
            faults.add(
                f"protocols.{label}.measured",
                'no cell of this file is measured; add measured = "NAME" to [cells.X]',
            )
        return {}
    store = holder() if named else None
    found: dict[str, Any] = {}
    for cell in named:
        place = f"cells.{cell.name}.measured"
        ingest = f"battsweep ingest FILE --store STORE --cell {cell.measured}"
        if store is None:
            faults.add(place, f"{cell.measured!r}: the store is not there yet; first: {ingest}")
            continue
        try:
            found[cell.name] = store.cell(str(cell.measured))
        except (StoreError, DataError) as error:
            faults.add(place, f"{error}; or first: {ingest}")
    return found


def _of_cell(
    cell: Cell, wanted: Wanted, history: Any, faults: Faults
) -> tuple[list[Replay], list[Measured]]:
    """Return the replays of a cell's cycles, and the curves they are held against."""
    known = [int(n) for n in history.cycles.column("cycle_count").to_pylist()]
    replays, curves = [], []
    for cycle in wanted.cycles or known:
        place = f"protocols.{wanted.label}.measured.cycles"
        if cycle not in known:
            faults.add(place, f"{cycle}: cell {cell.measured!r} has cycles {_span(known)}")
            continue
        rows = _rows(history.series, cycle)
        try:
            replays.append(_replay(cell, cycle, wanted, history, rows))
        except ValueError as error:
            faults.add(place, f"{cycle} of cell {cell.measured!r}: {error}")
            continue
        curves.append(_curve(cell, cycle, wanted.label, history.series, rows))
    return replays, curves


def _span(cycles: list[int]) -> str:
    return f"{min(cycles)} to {max(cycles)}" if cycles else "none"


def _column(table: pa.Table, name: str) -> Array:
    import numpy as np

    return np.asarray(table.column(name), dtype=float)


def _rows(series: pa.Table, cycle: int) -> tuple[int, int]:
    """Return the rows of a cycle, with the last one at rest before it where that is near."""
    import numpy as np

    found = np.flatnonzero(_column(series, "cycle_count") == cycle)
    first, last = int(found[0]), int(found[-1]) + 1
    times = _column(series, "test_time_second")
    if first and times[first] - times[first - 1] <= LONGEST_PAUSE_S:
        first -= 1
    return first, last


def _replay(cell: Cell, cycle: int, wanted: Wanted, history: Any, rows: tuple[int, int]) -> Replay:
    first, last = rows
    part = history.series.slice(first, last - first)
    times, current = _column(part, "test_time_second"), _column(part, "current_ampere")
    if len(times) < 3:
        raise ValueError("has fewer than three rows")
    source = f"{cell.measured} cycle {cycle}"
    profile: Profile | None = None
    steps: tuple[str, ...] = ()
    if wanted.steps:
        steps = _steps_of(history, cycle)
        told = f"{len(steps)} steps as measured"
    else:
        at, values, off = reduced(times - times[0], current, _column(part, "step_index"))
        profile = Profile("current", tuple(at.tolist()), tuple(values.tolist()), source)
        told = f"{len(at)} of {len(times)} points keep the charge within {100 * off:.2g} %"
    soc = wanted.initial_soc
    volts, how = (None, "given") if soc != FROM_REST else _rest_voltage(history, first)
    given = float(soc) if isinstance(soc, float) else None
    if soc == FITTED:
        how = "its start is fitted"
    return Replay(
        cell=cell.name,
        cycle=cycle,
        profile=profile,
        steps=steps,
        initial_soc=given,
        rest_voltage_v=volts,
        discharge_ah=_discharged(history, cycle),
        rest_after_v=_rest_after_discharge(history, cycle),
        from_full=_goes_down_first(times, current),
        told=f"{source}: {told}; {how}",
    )


def _discharged(history: Any, cycle: int) -> float:
    row = history.cycles.column("cycle_count").to_pylist().index(cycle)
    return float(history.cycles.column("discharge_capacity_ah")[row].as_py())


def _rest_after_discharge(history: Any, cycle: int) -> float | None:
    """Return the voltage at the end of the rest after a cycle's largest discharge, if it rested."""
    rows = [row for row in history.steps.to_pylist() if row["cycle_count"] == cycle]
    down = [k for k, row in enumerate(rows) if str(row["step_kind"]).endswith("discharge")]
    if not down:
        return None
    after = max(down, key=lambda k: rows[k]["capacity_ah"]) + 1
    if after >= len(rows) or rows[after]["step_kind"] != "rest":
        return None
    rested = rows[after]["duration_second"] >= SHORTEST_REST_S
    return float(rows[after]["voltage_end_volt"]) if rested else None


def _goes_down_first(times: Array, current: Array) -> bool:
    """Return whether the charge falls before it rises by a tenth of its range."""
    import numpy as np

    charge = charge_moved(times, current)
    far = np.flatnonzero(np.abs(charge) > 0.1 * float(np.ptp(charge)))
    return bool(far.size and charge[far[0]] < 0)


def _rest_voltage(history: Any, first: int) -> tuple[float, str]:
    """Return the voltage that a cycle starts from, and in words how good that is."""
    series = history.series
    kinds = series.column("step_kind")
    voltage = float(_column(series, "voltage_volt")[first])
    if kinds[first].as_py() == "rest":
        step = int(series.column("step_index")[first].as_py())
        rested = float(_column(history.steps, "duration_second")[step - 1])
        return voltage, f"starts from {voltage:.4f} V after {rested / 60:.0f} min of rest"
    return voltage, f"starts from {voltage:.4f} V, which is NOT after a rest"


def _curve(cell: Cell, cycle: int, label: str, series: pa.Table, rows: tuple[int, int]) -> Measured:
    first, last = rows
    part = series.slice(first, last - first)
    times, voltage, current = (
        tuple(_column(part, name).tolist())
        for name in ("test_time_second", "voltage_volt", "current_ampere")
    )
    times = tuple(time - times[0] for time in times)
    kinds = tuple(part.column("step_kind").to_pylist())
    return Measured(
        name=f"{cell.measured} cycle {cycle} of {label}",
        cell=cell.name,
        protocol=label,
        at={CYCLE: float(cycle)},
        times_s=times,
        voltage_v=voltage,
        current_a=current,
        source=f"measured cell {cell.measured}",
        sha256=digest([times, voltage, current, kinds]),
        kinds=kinds,
    )


def _steps_of(history: Any, cycle: int) -> tuple[str, ...]:
    """Return the steps of a cycle in PyBaMM's experiment language."""
    rows = [row for row in history.steps.to_pylist() if row["cycle_count"] == cycle]
    current = _column(history.series, "current_ampere")
    told: list[str] = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        kind, seconds = row["step_kind"], float(row["duration_second"])
        amperes = abs(float(row["current_mean_ampere"] or 0.0))
        volts = float(row["voltage_end_volt"])
        if seconds <= 0 or row["row_count"] <= 2:
            continue  # a relay's jolt
        if kind == "rest":
            told.append(f"Rest for {seconds:.6g} seconds")
        elif kind in ("cc_charge", "cc_discharge"):
            word = "Charge" if kind == "cc_charge" else "Discharge"
            held = after is not None and str(after["step_kind"]).startswith("cv")
            ends = held or volts in (float(row["voltage_min_volt"]), float(row["voltage_max_volt"]))
            if held and after is not None:
                volts = float(after["voltage_end_volt"])
            until = f"until {volts:.4f} V" if ends else f"for {seconds:.6g} seconds"
            told.append(f"{word} at {amperes:.6g} A {until}")
        elif kind in ("cv_charge", "cv_discharge"):
            last = abs(float(current[int(row["row_start"]) + int(row["row_count"]) - 1]))
            until = f"until {last:.4g} A" if last > 0 else f"for {seconds:.6g} seconds"
            told.append(f"Hold at {volts:.4f} V {until}")
        else:
            raise ValueError('has a profile or pulses, which are no steps; use as = "current"')
    if not told:
        raise ValueError("has no step of more than two rows")
    return tuple(told)
