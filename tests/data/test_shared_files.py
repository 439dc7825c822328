"""Real exports of many testers, where they lie beside the checkout: read right, or refused."""

import re
from pathlib import Path

import numpy as np
import pytest

from battsweep.data.clean import clean
from battsweep.data.formats import read_files
from battsweep.errors import DataError

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
FOLDERS = (
    *("cycler_exports", "nasa_pcoe", "lgm50", "nissan_leaf_ornl", "messy_multi_cell"),
    "batterylife_schema_nasa",
)
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not SHARED.is_dir(), reason="no measured data beside the checkout"),
]


def documented():
    """Return what docs/formats.md says of each file: (cells, rows), or None for refused."""
    text = (ROOT / "docs" / "formats.md").read_text()
    found = {}
    for name, cells, rows in re.findall(
        r"^\| `([^`]+/[^`]+)` \| ([\d,]+|refused) \| ([^|]*) \|", text, re.M
    ):
        number = None if cells == "refused" else (int(cells), int(rows.replace(",", "")))
        found[name] = number
    return found


def test_every_shared_file_is_as_documented():
    told = documented()
    others = (".md", ".yaml", ".json")
    there = {
        path.relative_to(SHARED).as_posix()
        for folder in FOLDERS
        for path in (SHARED / folder).rglob("*")
        if path.is_file()
        and path.suffix not in others
        and not re.match("LICENSE|README", path.name)
    }
    assert set(told) == there
    for name, expected in told.items():
        path = SHARED / name
        if expected is None:
            with pytest.raises(DataError, match=re.escape(path.name)):
                read_files([path])
            continue
        cells = read_files([path])
        assert (len(cells), sum(cell.table.num_rows for cell in cells)) == expected, name
        for cell in cells:
            volts, seconds, amperes = (
                np.asarray(cell.table.column(column), dtype=float)
                for column in ("voltage_volt", "test_time_second", "current_ampere")
            )
            assert np.isfinite(seconds).mean() > 0.9, name
            assert 0 <= np.nanmedian(volts) < 5, name
            assert np.nanmax(np.abs(amperes)) < 300, name


def discharges(name):
    (raw,) = read_files([SHARED / "nasa_pcoe" / f"{name}.mat"])
    cleaned = clean(raw)
    steps = cleaned.steps.to_pandas()
    return raw, cleaned, steps[(steps.step_kind == "cc_discharge") & (steps.capacity_ah > 0.5)]


def test_nasas_first_cell_has_its_documented_discharges():
    _, cleaned, found = discharges("B0005")
    assert len(found) == 168
    assert cleaned.cycles.num_rows == 169  # after the last discharge there is a charge
    assert found.capacity_ah.iloc[0] == pytest.approx(1.8564874208, rel=1e-3)
    first = cleaned.cycles.column("discharge_capacity_ah").to_pylist()[0]
    assert first == pytest.approx(1.8564874208, rel=1e-3)
    assert int(np.flatnonzero(found.capacity_ah < 1.4)[0]) + 1 == 125


def test_discharges_without_a_capacity_are_told_and_are_no_end_of_life():
    raw, _, found = discharges("B0045")
    assert any("discharge 20, 66" in note and "no end of life" in note for note in raw.notes)
    assert len(found) == 72


def test_the_maccor_file_at_0_degrees_gets_signs_and_loses_its_thermocouples():
    (raw,) = read_files([SHARED / "lgm50" / "maccor_M50_Validation_0deg_01.txt"])
    assert not raw.signed
    cleaned = clean(raw)
    assert "temperature_t1_celsius" not in cleaned.series.column_names
    current = np.asarray(cleaned.series.column("current_ampere"))
    assert current.min() == pytest.approx(-10, abs=0.1)
    assert current.max() == pytest.approx(1.5, abs=0.1)
