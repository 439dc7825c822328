"""MATLAB files: NASA's ageing cells and the rate and pulse tests of the LG M50."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data import columns as c
from battsweep.data.cell import RawCell
from battsweep.data.formats.signs import settled
from battsweep.data.formats.source import UNPACKED_BYTES, Source, refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from battsweep.data.recipe import Recipe

    Array = NDArray[np.float64]

_COMPRESSED, _HEADER = 15, 128
_WORDS = {"charge": "charge", "discharge": "discharge"}
_SPECTRA = ("Sense_current", "Battery_current", "Current_ratio", "Battery_impedance")


def read_matlab(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cells of a MATLAB file of a known structure.

    Raises
    ------
    DataError
        If it cannot be read, unpacks to too much, or has another structure.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    _refuse_bomb(source)
    try:
        file: Any = io.BytesIO(source.data)
        held = loadmat(file, simplify_cells=True)
    except (MatReadError, ValueError, TypeError, OSError, NotImplementedError) as error:
        raise refusal(source.path, f"is no MATLAB file that can be read: {error}") from error
    named = {name: value for name, value in held.items() if not name.startswith("__")}
    cells: list[RawCell] = []
    for name, value in named.items():
        if isinstance(value, Mapping) and "cycle" in value:
            cells.append(_nasa(source, recipe.cell or name, value["cycle"]))
        elif isinstance(value, Mapping):
            cells += list(_nested(source, (recipe.cell or name,), value))
    if not cells:
        raise refusal(
            source.path,
            f"holds {', '.join(named) or 'nothing'}: no operations with times, voltages and "
            "currents as in NASA's or the LG M50's files; write them to a CSV",
        )
    return [settled(cell, recipe.sign) for cell in cells]


def _nasa(source: Source, name: str, operations: Any) -> RawCell:
    """Return a cell of NASA's PCoE set: its charges and discharges, and its spectra."""
    import pyarrow as pa

    parts: dict[str, list[Any]] = {}
    spectra: list[dict[str, Any]] = []
    listed = [operations] if isinstance(operations, Mapping) else list(operations)
    counts = {"charge": 0, "discharge": 0, "impedance": 0}
    empty: list[str] = []
    for number, one in enumerate(listed):
        kind, data = str(one["type"]), one["data"]
        counts[kind] = counts.get(kind, 0) + 1
        began = _date_s(one["time"])
        ambient = float(one["ambient_temperature"])
        if kind == "impedance":
            spectra.append({"operation": number, **_spectrum(data, began, ambient)})
            continue
        capacity = np.atleast_1d(data.get("Capacity", ()))
        if kind == "discharge" and not np.any(capacity > 0):
            empty.append(str(counts["discharge"]))
        times = np.atleast_1d(np.asarray(data["Time"], dtype=float))
        length = len(times)
        if not length:
            continue
        for column, values in (
            (c.TIME.name, times),
            (c.VOLTAGE.name, data["Voltage_measured"]),
            (c.CURRENT.name, data["Current_measured"]),
            (c.TEMPERATURE.name, data["Temperature_measured"]),
            (c.AMBIENT.name, np.full(length, ambient)),
            (c.UNIX_TIME.name, began + times),
            (c.TESTER_CYCLE.name, np.full(length, counts["discharge"] + (kind == "charge"))),
            (c.TESTER_STEP.name, np.full(length, number)),
            (c.TESTER_STATE.name, np.full(length, _WORDS.get(kind, kind), dtype=object)),
        ):
            parts.setdefault(column, []).append(np.atleast_1d(values))
    if not parts:
        raise refusal(source.path, f"{name}: has no charge nor discharge")
    table = {column: np.concatenate(values) for column, values in parts.items()}
    return RawCell(
        cell=name,
        format="nasa-mat",
        table=pa.table({key: pa.array(value) for key, value in table.items()}),
        sources=(source.file,),
        operation=pa.array(table[c.TESTER_STEP.name]),
        info={"nominal_capacity_ah": 2.0, "form_factor": "18650"},
        notes=(
            f"{counts['charge']} charges, {counts['discharge']} discharges, "
            f"{counts['impedance']} impedance spectra",
            *_empty_note(empty),
        ),
        impedance=pa.Table.from_pylist(spectra) if spectra else None,
    )


def _empty_note(discharges: Sequence[str]) -> tuple[str, ...]:
    """Return what is to be said of discharges to which the file gives no capacity."""
    if not discharges:
        return ()
    which = ", ".join(discharges)
    return (
        f"the file gives no capacity, or 0, to discharge {which}: it was ended before its "
        "cut-off voltage; that is no end of life",
    )


def _spectrum(data: Mapping[str, Any], began: float, ambient: float) -> dict[str, Any]:
    """Return a spectrum as plain lists: real and imaginary parts, which may differ in length."""
    found: dict[str, Any] = {"unix_time_second": began, "ambient_temperature_celsius": ambient}
    for name in (*_SPECTRA, "Rectified_Impedance"):
        values = np.atleast_1d(np.asarray(data.get(name, ()))).ravel()
        if values.dtype.kind not in "fciu":
            values = np.zeros(0)
        key = name.lower() + ("_ohm" if "mpedance" in name else "")
        found[f"{key}_real"] = values.real.astype(float).tolist()
        found[f"{key}_imaginary"] = values.imag.astype(float).tolist()
    for name, key in (
        ("Re", "electrolyte_resistance_ohm"),
        ("Rct", "charge_transfer_resistance_ohm"),
    ):
        value = np.atleast_1d(np.asarray(data.get(name, np.nan)))
        found[key] = float(value.real[0]) if value.size else float("nan")
    return found


def _date_s(vector: Any) -> float:
    """Return Unix time in s of MATLAB's year, month, day, hour, minute and second."""
    year, month, day, hour, minute, second = (float(part) for part in np.ravel(vector)[:6])
    whole = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
    return whole.timestamp() + second


def _nested(source: Source, path: tuple[str, ...], value: Mapping[str, Any]) -> Iterator[RawCell]:
    """Yield a cell for each branch of a structure that holds a time, a voltage and a current."""
    import pyarrow as pa

    names = {
        c.TIME.name: ("timeVec", "ProgTime"),
        c.VOLTAGE.name: ("volVec", "Voltage"),
        c.CURRENT.name: ("currVec", "Current"),
        c.TEMPERATURE.name: ("cellTemp_mid",),
        c.TESTER_STEP.name: ("Step",),
        c.TESTER_STATE.name: ("Status",),
    }
    found: dict[str, Any] = {}
    for column, known in names.items():
        for name in known:
            if name in value:
                found[column] = np.atleast_1d(value[name])
    needed = {c.TIME.name, c.VOLTAGE.name, c.CURRENT.name}
    if needed <= set(found):
        table = {}
        length = len(found[c.TIME.name])
        found = {k: v for k, v in found.items() if k in needed or len(v) == length}
        for column, values in found.items():
            if column == c.TESTER_STATE.name:
                table[column] = pa.array([str(word) for word in values], pa.string())
            elif column == c.TESTER_STEP.name:
                table[column] = pa.array(values.astype(float).astype(np.int64))
            else:
                table[column] = pa.array(values.astype(float))
        if len({len(one) for one in table.values()}) > 1:
            raise refusal(source.path, f"{'/'.join(path)}: its vectors differ in length")
        yield RawCell(
            cell="-".join(path),
            format="lgm50-mat",
            table=pa.table(table),
            sources=(source.file,),
            info={"nominal_capacity_ah": 5.0} if "LGM50" in path[0] else {},
        )
        return
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _nested(source, path if name == "data" else (*path, name), inner)


def _refuse_bomb(source: Source) -> None:
    """Raise where the packed parts of a file unpack to too much."""
    data, at, plain = source.data, _HEADER, 0
    little = data[126:128] == b"IM"
    while at + 8 <= len(data):
        kind, size = struct.unpack("<II" if little else ">II", data[at : at + 8])
        if kind == _COMPRESSED:
            plain += _unpacked(data[at + 8 : at + 8 + size], UNPACKED_BYTES - plain)
            if plain > UNPACKED_BYTES:
                raise refusal(source.path, f"unpacks to more than {UNPACKED_BYTES} bytes")
        at += 8 + size


def _unpacked(packed: bytes, most: int) -> int:
    """Return how many bytes are packed, without keeping them; ends soon after ``most``."""
    unpacker, total = zlib.decompressobj(), 0
    rest = packed
    try:
        while rest and not unpacker.eof and total <= most:
            total += len(unpacker.decompress(rest, 2**24))
            rest = unpacker.unconsumed_tail
    except zlib.error:
        pass  # the reader will say so
    return total
