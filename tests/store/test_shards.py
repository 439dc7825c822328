import random
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import StoreError
from battsweep.store.shard_table import pack
from battsweep.store.shards import (
    read_header,
    read_receipts,
    read_series,
    verify_shard,
    write_shard,
)

COLUMNS = (
    "test_time_second",
    "voltage_volt",
    "a/b [m2.s-1]",
    "50 % of it",
    ".",
    "cycle_count",
)
FLOATS = st.floats(width=64)


@st.composite
def chunks(draw):
    """Return tables that differ in length and in columns."""
    tables = []
    for _ in range(draw(st.integers(0, 5))):
        rows = draw(st.integers(0, 12))
        names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True))
        tables.append(
            pa.table(
                {name: draw(st.lists(FLOATS, min_size=rows, max_size=rows)) for name in names},
                schema=pa.schema([(name, pa.float64()) for name in names]),
            )
        )
    return tables


def written(store, tables, receipts, format, **changes):
    options = {"chunk": 3, "attempt": 1, "provenance": {"host": "here"}, "format": format}
    path = write_shard(store, "s", series=tables, receipts=receipts, **{**options, **changes})
    return store / path


def same(left, right):
    """Return whether two arrays are equal, NaN included."""
    return left.null_count == right.null_count and np.array_equal(
        left.to_numpy(zero_copy_only=False),
        right.to_numpy(zero_copy_only=False),
        equal_nan=True,
    )


@pytest.mark.parametrize("format", ["parquet", "hdf5"])
@given(tables=chunks())
@settings(deadline=None, max_examples=40)
def test_every_task_reads_back_what_was_written(made, format, tables):
    receipts = [made.receipt(number) for number in range(len(tables))]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), tables, receipts, format)
        found, _ = read_receipts(path)
        assert [receipt.task_id for receipt in found] == [item.task_id for item in receipts]
        for receipt, table in zip(found, tables, strict=True):
            rows = read_series(path, receipt.row_start, receipt.row_count)
            assert len(rows) == len(table)
            assert set(rows["task_id"].to_pylist()) <= {receipt.task_id}
            for name in rows.column_names[1:]:
                column = rows[name].combine_chunks()
                if name in table.column_names:
                    assert same(column, table[name].combine_chunks())
                else:
                    assert column.null_count == len(table)


def test_only_the_columns_asked_for_are_returned(tmp_path, made, format):
    path = written(tmp_path, [made.table(30)], [made.receipt(0)], format)
    rows = read_series(path, 5, 7, ["Current density [A.m-2]", "task_id", "nothing"])
    assert rows.column_names == ["Current density [A.m-2]", "task_id"]
    assert rows["Current density [A.m-2]"].equals(
        made.table(30)["Current density [A.m-2]"].slice(5, 7)
    )


def test_columns_keep_their_order_and_task_id_is_first(tmp_path, made, format):
    path = written(tmp_path, [made.table(3)], [made.receipt(0)], format)
    assert read_series(path, 0, 3).column_names == ["task_id", *made.table(3).column_names]


def test_fields_have_unit_and_label(tmp_path, made, format):
    path = written(tmp_path, [made.table(3)], [made.receipt(0)], format)
    schema = read_series(path, 0, 3).schema
    assert schema.field("voltage_volt").metadata[b"unit"] == b"V"
    assert schema.field("voltage_volt").metadata[b"label"] == b"Voltage / V"
    assert schema.field("Current density [A.m-2]").metadata[b"unit"] == b"A.m-2"


def test_integers_stay_integers_with_gaps(tmp_path, made, format):
    whole = pa.table({"cycle_count": pa.array([1, 1, 2], pa.int64())})
    other = pa.table({"voltage_volt": [3.7]})
    path = written(tmp_path, [whole, other], [made.receipt(0), made.receipt(1)], format)
    assert read_series(path, 0, 4)["cycle_count"].to_pylist() == [1, 1, 2, None]


def test_a_chunk_of_failures_is_a_shard_without_rows(tmp_path, made, format):
    receipts = [made.receipt(number, "failed") for number in range(3)]
    path = written(tmp_path, [], receipts, format)
    found, provenance = read_receipts(path)
    assert [receipt.failure_class for receipt in found] == ["solver"] * 3
    assert provenance == {"host": "here"}
    assert len(read_series(path, 0, 0)) == 0


def test_only_done_and_partial_receipts_have_rows(tmp_path, made, format):
    receipts = [
        made.receipt(0, "failed"),
        made.receipt(1, "failed", partial=True),
        made.receipt(2, "lost"),
        made.receipt(3),
    ]
    path = written(tmp_path, [made.table(4), made.table(5)], receipts, format)
    places = [(item.row_start, item.row_count) for item in read_receipts(path)[0]]
    assert places == [(0, 0), (0, 4), (4, 0), (4, 5)]


def test_a_table_too_few_is_refused(tmp_path, made, format):
    with pytest.raises(StoreError, match="1 tables for 2 receipts"):
        written(tmp_path, [made.table(1)], [made.receipt(0), made.receipt(1)], format)


def test_one_attempt_cannot_end_twice(tmp_path, made, format):
    with pytest.raises(StoreError, match="two receipts for one attempt"):
        written(tmp_path, [made.table(1)] * 2, [made.receipt(0)] * 2, format)


def test_text_is_no_series(tmp_path, made, format):
    table = pa.table({"step": ["rest"]})
    with pytest.raises(StoreError, match="column 'step' is string; it must be numbers"):
        written(tmp_path, [table], [made.receipt(0)], format)


def test_numbers_of_numpy_and_nan_become_plain(tmp_path, made, format):
    receipt = made.receipt(
        0,
        summary={"a": np.float64(1.5), "b": np.nan, "c": np.float32(0.5), "d": -np.inf},
        statistics={"steps": np.int64(3)},
        cycles=[{"cycle_count": np.int32(1), "e": np.nan}],
        fit={"x": np.arange(2), "nested": {"y": (np.nan,)}},
    )
    (found,), _ = read_receipts(written(tmp_path, [made.table(1)], [receipt], format))
    assert found.summary == {"a": 1.5, "b": None, "c": 0.5, "d": None}
    assert found.statistics == {"steps": 3}
    assert found.cycles == [{"cycle_count": 1, "e": None}]
    assert found.fit == {"x": [0, 1], "nested": {"y": [None]}}


def test_a_shard_says_which_sweep_and_chunk_it_is_of(tmp_path, made, format):
    path = written(tmp_path, [made.table(1)], [made.receipt(0)], format, chunk=1234, attempt=2)
    header = read_header(path)
    assert (header.sweep, header.chunk, header.attempt) == ("s", 1234, 2)
    assert path.relative_to(tmp_path).as_posix().startswith("data/s/c001/part-0001234-02-")


def test_nothing_but_the_shard_is_left_in_its_folder(tmp_path, made, format):
    path = written(tmp_path, [made.table(1)], [made.receipt(0)], format)
    assert list(path.parent.iterdir()) == [path]


def test_single_bit_flips_never_give_other_rows(tmp_path, made, format):
    tables = [made.table(40, seed) for seed in range(3)]
    receipts = [made.receipt(number) for number in range(3)]
    path = written(tmp_path, tables, receipts, format)
    good, header = read_series(path, 0, 120), read_header(path)
    data = bytearray(path.read_bytes())
    flipped = path.with_name(f"flipped{path.suffix}")
    chooser = random.Random(1)
    detected = 0
    for _ in range(100):
        bit = chooser.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(data)
        data[bit // 8] ^= 1 << bit % 8
        try:
            assert read_series(flipped, 0, 120).equals(good)
        except StoreError:
            detected += 1
        try:
            assert read_header(flipped) == header
        except StoreError:
            detected += 1
    assert detected > 30


def test_a_torn_file_is_damage_wherever_it_is_torn(tmp_path, made, format):
    path = written(tmp_path, [made.table(40)], [made.receipt(0)], format)
    data = path.read_bytes()
    for length in [*range(64), *range(64, len(data), 97)]:
        path.write_bytes(data[:length])
        with pytest.raises(StoreError, match=r"is damaged .*battsweep check"):
            read_series(path, 0, 40)
        with pytest.raises(StoreError, match=path.name):
            read_receipts(path)


def test_a_missing_shard_is_named(tmp_path, format):
    with pytest.raises(StoreError, match="is missing; `battsweep check"):
        read_receipts(tmp_path / f"part-0{'.h5' if format == 'hdf5' else '.parquet'}")


def test_more_rows_than_there_are_is_damage(tmp_path, made, format):
    path = written(tmp_path, [made.table(4)], [made.receipt(0)], format)
    with pytest.raises(StoreError, match="damaged"):
        read_series(path, 0, 5)


def test_any_parquet_reader_opens_a_shard(tmp_path, made):
    path = written(tmp_path, [made.table(9)], [made.receipt(0)], "parquet")
    table = pq.read_table(path, partitioning=None)
    assert len(table) == 9
    pairs = pq.read_metadata(path).metadata
    assert pairs[b"battsweep.current_sign"] == b"positive on charge"
    assert b'"voltage_volt":{"unit":"V"' in pairs[b"battsweep.columns"]


def test_parquet_is_encoded_as_measured_best(tmp_path, made):
    count = 90
    tables = [made.table(400, seed) for seed in range(count)]
    receipts = [made.receipt(number) for number in range(count)]
    metadata = pq.read_metadata(written(tmp_path, tables, receipts, "parquet"))
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [16_400, 16_400, 3_200]
    task, voltage = groups[0].column(0), groups[0].column(2)
    assert "RLE_DICTIONARY" in task.encodings
    assert "BYTE_STREAM_SPLIT" in voltage.encodings
    assert {task.compression, voltage.compression} == {"ZSTD"}


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
@settings(deadline=None)
def test_row_groups_are_whole_tasks_and_large_enough(counts, at_least):
    groups = pack(counts, at_least=at_least)
    edges = {sum(counts[:place]) for place in range(len(counts) + 1)}
    position = 0
    for start, count in groups:
        assert start == position
        assert count > 0
        position += count
        assert position in edges
    assert position == sum(counts)
    assert all(count >= at_least for _, count in groups[:-1])


def test_receipts_keep_every_field(tmp_path, made, format):
    receipt = made.receipt(
        4,
        "failed",
        traceback="Traceback\n  ü",
        attempt=3,
        log="out",
        fit={"loss": 0.5},
        group="0a",
        method="reused",
        proof={"worst": 1e-9},
        tries=[{"rtol": 1e-6}],
    )
    (found,), _ = read_receipts(written(tmp_path, [], [receipt], format))
    assert replace(found, cycles=list(receipt.cycles)) == receipt


def test_every_flipped_byte_is_found_without_the_index(tmp_path, made, format):
    path = written(tmp_path, [made.table(40)], [made.receipt(0)], format)
    data = bytearray(path.read_bytes())
    verify_shard(path)
    for place in [0, 1, 2, 3, *range(4, len(data) - 4, 41), len(data) - 1]:
        data[place] ^= 1
        path.write_bytes(data)
        data[place] ^= 1
        with pytest.raises(StoreError, match="damaged"):
            verify_shard(path)


def test_an_emptied_shard_is_called_empty(tmp_path, made, format):
    path = written(tmp_path, [made.table(4)], [made.receipt(0)], format)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match=r"is damaged \(it is empty\)"):
        read_receipts(path)
