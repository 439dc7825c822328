import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from battsweep.data.cell import SourceFile
from battsweep.errors import DataError, StoreError
from battsweep.store import parquet_shard
from battsweep.store.cell_files import read_generation, tables_of
from battsweep.store.cells import cell_names, cell_records, read_cell, write_cell
from battsweep.store.histories import (
    CellRecord,
    Segment,
    StoredFile,
    decode_history,
    encode_history,
    placed,
)
from battsweep.store.layout import create_store, generation_folder

sys.path.insert(0, str(Path(__file__).parent))

import itertools

from measured_cells import cell, source


@pytest.fixture
def store(tmp_path):
    create_store(tmp_path / "store", format="parquet")
    return tmp_path / "store"


def files_of(store):
    return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_what_is_written_is_read_back_to_the_last_bit(store):
    spectra = pa.table({"frequency_hz": [1.0, 2.0], "re": [[1.0, 2.0], [3.0]]})
    raw, clean = cell(impedance=spectra)
    written = write_cell(store, raw, clean, settings={"recipe": None})
    assert (written.what, written.record.generation) == ("new", 1)
    found = read_cell(store, "LGM50-01")
    assert found.record == written.record
    assert found.series.equals(clean.series)
    assert found.steps.equals(clean.steps)
    assert found.cycles.equals(clean.cycles)
    assert found.changes.drop_columns("segment").equals(clean.changes)
    assert found.impedance.equals(spectra)
    assert found.record.segments[0].rules == clean.rules
    assert found.record.warnings == ("columns were guessed", "short file")


def test_the_same_file_again_changes_nothing_and_says_so(store):
    write_cell(store, *cell())
    before = files_of(store)
    again = write_cell(store, *cell())
    assert again.what == "unchanged"
    assert "part1.csv: is in the store already" in again.told
    assert files_of(store) == before


def test_other_settings_with_the_same_result_change_nothing(store):
    write_cell(store, *cell(), settings={"spikes": 6})
    assert write_cell(store, *cell(), settings={"spikes": 7}).what == "unchanged"


def test_the_same_content_in_other_bytes_changes_nothing(store):
    raw, clean = cell()
    holes = clean.series.column("voltage_volt").to_numpy().copy()
    holes[3] = np.nan
    place = clean.series.column_names.index("voltage_volt")
    clean = replace(clean, series=clean.series.set_column(place, "voltage_volt", pa.array(holes)))
    write_cell(store, raw, clean)
    folder = generation_folder(store, raw.cell, 1)
    record = read_generation(folder)
    tables = tables_of(raw, clean)
    words = parquet_shard.encode(tables["series"], [(0, 60)], {"written by": "another version"})
    (folder / "series.parquet").write_bytes(words)
    [segment] = record.segments
    files = {**segment.files, "series": StoredFile(60, len(words), sha256(words).hexdigest())}
    other = replace(record, segments=(replace(segment, files=files, settings={"version": "0"}),))
    (folder / "history.json").write_bytes(encode_history(other))
    assert write_cell(store, raw, clean, settings={"version": "1"}).what == "unchanged"
    holes[4] += 1e-15
    altered = clean.series.set_column(place, "voltage_volt", pa.array(holes))
    clean = replace(clean, series=altered)
    assert write_cell(store, raw, clean, settings={"version": "1"}).what == "superseded"


def test_an_altered_file_counts_from_now_on_and_the_old_one_stays(store):
    raw, clean = cell(seed=1)
    write_cell(store, raw, clean)
    before = files_of(store)
    raw, clean = cell(seed=2, sources=(source(content="b"),))
    written = write_cell(store, raw, clean)
    assert written.what == "superseded"
    assert "another content than before; generation 1 stays, generation 2 counts" in written.told
    assert read_cell(store, raw.cell).series.equals(clean.series)
    assert files_of(store).items() >= before.items()


def test_the_same_file_cleaned_otherwise_counts_from_now_on(store):
    write_cell(store, *cell(seed=1))
    written = write_cell(store, *cell(seed=2), settings={"spikes": 7})
    assert written.what == "superseded"
    assert "cleaned otherwise" in written.told


def test_a_further_file_goes_on_with_cycles_steps_and_the_clock(store):
    write_cell(store, *cell())
    raw, clean = cell(seed=1, sources=(source("part2.csv", "b"),))
    written = write_cell(store, raw, clean, extend=True)
    assert written.what == "extended"
    assert "cycles 4 to 6" in written.told
    found = read_cell(store, raw.cell)
    times = found.series.column("test_time_second").to_numpy()
    assert (np.diff(times) > 0).all()
    assert found.cycles.column("cycle_count").to_pylist() == [1, 2, 3, 4, 5, 6]
    assert found.steps.column("step_index").to_pylist() == list(range(1, 13))
    starts = found.steps.column("row_start").to_pylist()
    assert starts == list(range(0, 120, 10))
    begins = found.steps.column("start_second").to_pylist()
    assert begins == [times[start] for start in starts]
    assert found.series.column("cycle_count")[-1].as_py() == 6
    assert found.series.column("tester_cycle_count")[-1].as_py() == 9
    assert found.changes.column("segment").to_pylist() == [1, 1, 2, 2]
    assert "taken as one sampling interval" in " ".join(found.record.warnings)


def test_the_calendar_tells_how_long_the_gap_between_two_files_was(store):
    write_cell(store, *cell(unix=1e9))
    raw, clean = cell(seed=1, sources=(source("part2.csv", "b"),), unix=1e9 + 5000)
    write_cell(store, raw, clean, extend=True)
    found = read_cell(store, raw.cell)
    times = found.series.column("test_time_second").to_numpy()
    unix = found.series.column("unix_time_second").to_numpy()
    np.testing.assert_array_equal(times, unix - 1e9)
    assert not any("sampling interval" in text for text in found.record.warnings)


def test_files_given_out_of_order_are_ordered_by_the_calendar(store):
    write_cell(store, *cell(unix=1e9 + 5000))
    raw, clean = cell(seed=1, sources=(source("part2.csv", "b"),), unix=1e9)
    write_cell(store, raw, clean, extend=True)
    found = read_cell(store, raw.cell)
    assert (np.diff(found.series.column("unix_time_second").to_numpy()) > 0).all()
    assert found.series.column("test_time_second")[0].as_py() == 0


def test_an_altered_first_part_keeps_the_second(store):
    write_cell(store, *cell())
    write_cell(store, *cell(seed=1, sources=(source("part2.csv", "b"),)), extend=True)
    raw, clean = cell(seed=3, rows=40, sources=(source("part1.csv", "c"),))
    write_cell(store, raw, clean)
    found = read_cell(store, raw.cell)
    assert found.record.generation == 3
    assert found.record.cycles == 5
    assert found.cycles.column("cycle_count").to_pylist() == [1, 2, 3, 4, 5]
    assert [s.generation for s in found.record.segments] == [3, 2]


def test_another_file_of_a_known_cell_is_refused_unless_it_is_said_to_go_on(store):
    write_cell(store, *cell())
    before = files_of(store)
    with pytest.raises(DataError, match=r"from part1.csv; if this goes on .* --extend"):
        write_cell(store, *cell(sources=(source("other.csv", "b"),)))
    assert files_of(store) == before


@pytest.mark.parametrize(
    "name",
    ["../x", "..", ".", "", "/etc/passwd", "n" * 300, "a\x1b[31mb\n", "Zelle ä/β", "g000001"],
)
def test_names_from_data_never_leave_the_store(store, name):
    outside = set(store.parent.iterdir())
    write_cell(store, *cell(name))
    assert read_cell(store, name).record.cell == name
    assert cell_names(store) == [name]
    assert set(store.parent.iterdir()) == outside
    assert {path.parts[-2] for path in (store / "measured").glob("*/*")} == {
        path.name for path in (store / "measured").iterdir()
    }


def test_a_name_that_is_no_text_is_refused(store):
    with pytest.raises(DataError, match="give one with --cell"):
        write_cell(store, *cell("\udcff"))


def test_an_unknown_cell_is_told_with_those_there_are(store):
    write_cell(store, *cell("A"))
    with pytest.raises(StoreError, match="no measured cell 'B'; there are 'A'"):
        read_cell(store, "B")


@pytest.mark.parametrize("part", ["series", "steps", "cycles", "changes", "history"])
def test_no_damaged_byte_is_read(store, part):
    raw, clean = cell()
    write_cell(store, raw, clean)
    [path] = (store / "measured").rglob(f"{part}.*")
    whole = path.read_bytes()
    for place in range(5, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = read_cell(store, raw.cell)
        except StoreError:
            continue
        # what no reader uses (a page's padding, white space) may change
        assert found.series.equals(clean.series)
        assert found.steps.equals(clean.steps)
        assert found.cycles.equals(clean.cycles)
        assert found.changes.drop_columns("segment").equals(clean.changes)
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        if part == "history" and size == len(whole) - 1:  # only its line end
            continue
        with pytest.raises(StoreError, match="is damaged"):
            read_cell(store, raw.cell)
    path.unlink()
    with pytest.raises(StoreError, match="is missing"):
        read_cell(store, raw.cell)


def test_any_reader_opens_the_files_and_finds_units_in_them(store):
    raw, clean = cell()
    write_cell(store, raw, clean)
    [path] = (store / "measured").rglob("series.parquet")
    metadata = pq.read_metadata(path)
    schema = metadata.schema.to_arrow_schema()
    assert schema.field("voltage_volt").metadata[b"unit"] == b"V"
    assert metadata.metadata[b"battsweep.current_sign"] == b"positive on charge"
    assert pq.read_table(path).replace_schema_metadata(None).equals(clean.series)


def test_records_are_listed_by_name(store):
    for name in ("B", "A"):
        write_cell(store, *cell(name))
    assert [record.cell for record in cell_records(store)] == ["A", "B"]


SPANS = st.tuples(
    st.floats(-1e6, 1e6), st.floats(1, 1e6), st.floats(0, 2e9) | st.none(), st.integers(0, 9)
)


@given(st.lists(SPANS, min_size=1, max_size=5))
def test_joined_clocks_never_fall_and_numbers_never_repeat(spans):
    segments = [
        Segment(
            generation=number,
            format="csv",
            sources=(SourceFile(f"{number}.csv", 1, str(number)),),
            files={"series": StoredFile(2, 1, "")},
            cycles=cycles,
            steps=2 * cycles,
            first_s=first,
            last_s=first + length,
            interval_s=1.0,
            first_unix_s=unix,
            last_unix_s=None if unix is None else unix + length,
        )
        for number, (first, length, unix, cycles) in enumerate(spans)
    ]
    found = placed(segments)
    ends = [(s.first_s + s.time_offset_s, s.last_s + s.time_offset_s) for s in found]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    assert [s.cycle_offset for s in found] == [
        sum(one.cycles for one in found[:k]) for k in range(len(found))
    ]
    record = CellRecord("A", 1, "new", "", "", found)
    assert decode_history(encode_history(record)) == record
