import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.data.telemetry.reading import Samples, telemetry_kind
from battsweep.data.telemetry.sorting import Sorted, sort_samples
from battsweep.errors import DataError, StoreError
from battsweep.store.layout import create_store
from battsweep.store.telemetry import ingest_telemetry
from battsweep.store.telemetry_reading import read_alerts_of, read_samples_of

_SHARED = [up / "shared" / "data" for up in Path(__file__).parents]
FLEET = next((one for one in _SHARED if one.is_dir()), _SHARED[0]) / "synthetic_supercharger"
DAY_MS = 1_647_043_200_000  # 2022-03-12
HEADER = ",timestamp,SITE,ASSET,COMPONENT,signal_name,VALUE,event_date\n"


@pytest.fixture
def store(tmp_path):
    create_store(tmp_path / "store", format="parquet")
    return tmp_path / "store"


def line(number, ms, value, component=7, signal="LM_TempDegC", date="2022-03-12"):
    return f"{number},{DAY_MS + ms},-5,6,{component},{signal},{value},{date}\n"


def write(path, lines, header=HEADER):
    path.write_text(header + "".join(lines))
    return path


def counts(file):
    return {rule.rule: rule.found for rule in file.rules}


def test_a_file_comes_out_sorted_once_and_with_its_faults_marked(tmp_path, store):
    rows = [(20, 21.0), (0, 20.0), (10, -180.0), (10, -180.0), (30, 99.0), (30, 98.0)]
    path = write(tmp_path / "a.csv", [line(k, ms, v) for k, (ms, v) in enumerate(rows)])
    assert telemetry_kind(path) == "signals"
    written = ingest_telemetry(store, path, "signals")
    assert written.what == "new"
    assert counts(written.file) == {
        "missing": 0,
        "exact_duplicate": 1,
        "unsorted": 1,
        "same_time": 1,
        "sensor_fault": 1,
        "jump": 1,
        "other_date": 0,
    }
    table = read_samples_of(store, faults=True)
    times = [t.timestamp() * 1000 - DAY_MS for t in table.column("timestamp").to_pylist()]
    assert times == [0, 10, 20, 30, 30]
    assert table.column("value").to_pylist() == [20.0, -180.0, 21.0, 98.0, 99.0]
    assert table.column("quality").to_pylist() == ["good", "fault", "good", "jump", "good"]
    assert read_samples_of(store).num_rows == 4


def test_rows_without_a_number_are_dropped_and_told(tmp_path, store):
    lines = [line(0, 0, ""), line(1, 1, "nan"), line(2, 2, "inf"), line(3, 3, 1.5)]
    written = ingest_telemetry(store, write(tmp_path / "a.csv", lines), "signals")
    assert counts(written.file)["missing"] == 3
    assert read_samples_of(store).column("value").to_pylist() == [1.5]


def test_days_and_signals_get_files_of_their_own_by_the_time_in_utc(tmp_path, store):
    lines = [
        line(number, ms, number, signal=signal)
        for number, (ms, signal) in enumerate(
            (ms, signal) for ms in (86_400_000, 86_399_999, 5) for signal in ("b/../c", "a")
        )
    ]
    written = ingest_telemetry(store, write(tmp_path / "a.csv", lines), "signals")
    found = sorted(p.relative_to(store / "telemetry").as_posix() for p in store.rglob("*.parquet"))
    name = written.file.ingest
    assert found == [
        f"{name}/day=2022-03-{day}/signal={signal}/part.parquet"
        for day in (12, 13)
        for signal in ("a", "b%2F..%2Fc")
    ]
    assert counts(written.file)["other_date"] == 2
    assert read_samples_of(store, "a", end="2022-03-13").num_rows == 2
    assert read_samples_of(store, "a", start="2022-03-13T00:00+00:00").num_rows == 1
    assert read_samples_of(store, component=8).num_rows == 0
    with pytest.raises(StoreError, match=r"no signal 'x'; there are a, b/\.\./c"):
        read_samples_of(store, "x")


def test_the_same_file_again_changes_nothing_and_an_altered_one_takes_its_place(tmp_path, store):
    path = write(tmp_path / "a.csv", [line(0, 0, 1.0), line(1, 10, 2.0)])
    first = ingest_telemetry(store, path, "signals")
    before = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    assert ingest_telemetry(store, path, "signals").what == "unchanged"
    assert {p: p.read_bytes() for p in store.rglob("*") if p.is_file()} == before
    write(path, [line(0, 0, 1.0), line(1, 10, 3.0)])
    altered = ingest_telemetry(store, path, "signals")
    assert altered.what == "superseded"
    assert f"{first.file.ingest} stays, aside" in altered.told
    assert read_samples_of(store).column("value").to_pylist() == [1.0, 3.0]
    assert len(list(store.glob("telemetry/*/day=*/signal=*/part.parquet"))) == 1
    assert len(list(store.glob("telemetry/superseded/*/day=*/signal=*/part.parquet"))) == 1
    write(path, [line(0, 0, 1.0), line(1, 10, 2.0)])
    assert ingest_telemetry(store, path, "signals").what == "superseded"
    assert read_samples_of(store).column("value").to_pylist() == [1.0, 2.0]


def test_what_an_altered_file_no_longer_says_is_gone(tmp_path, store):
    next_day = 86_400_000
    path = write(tmp_path / "a.csv", [line(0, 0, 1.0), line(1, next_day, 2.0)])
    ingest_telemetry(store, path, "signals")
    ingest_telemetry(store, write(path, [line(0, 0, 1.0)]), "signals")
    assert read_samples_of(store, "LM_TempDegC").column("value").to_pylist() == [1.0]
    assert read_samples_of(store, "LM_TempDegC", start="2022-03-13").num_rows == 0


def test_a_file_of_the_same_name_from_elsewhere_takes_nobodys_place(tmp_path, store):
    for number, folder in enumerate(("site1", "site2")):
        (tmp_path / folder).mkdir()
        path = write(tmp_path / folder / "a.csv", [line(0, 0, 1.0, component=number)])
        assert ingest_telemetry(store, path, "signals").what == "new"
    assert read_samples_of(store).num_rows == 2


def test_what_two_files_both_say_is_read_once(tmp_path, store):
    lines = [line(k, 10 * k, k, component=k % 3) for k in range(30)]
    ingest_telemetry(store, write(tmp_path / "a.csv", lines[:20]), "signals")
    ingest_telemetry(store, write(tmp_path / "b.csv", lines[10:]), "signals")
    table = read_samples_of(store)
    assert sorted(table.column("value").to_pylist()) == list(range(30))
    again = table.sort_by([("component", "ascending"), ("timestamp", "ascending")])
    assert again.equals(table)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line(0, 0, 1.0), line(1, 1, "warm")], r"line 3: column 'VALUE': invalid value 'warm'"),
        ([line(0, 0, 1.0), line(1, 1, 2.0)[:20]], r"line 3: Expected 8 columns, got 4"),
        (["0,1647043200,5,6,7,s,1.0,2022-03-12\n"], "1647043200 is no time in ms"),
        (["0,1e400,5,6,7,s,1.0,2022-03-12\n"], r"line 2: column 'timestamp'"),
        ([], "has no rows"),
    ],
)
def test_a_torn_or_foreign_file_is_refused_with_its_place_and_leaves_nothing(
    tmp_path, store, lines, words
):
    path = write(tmp_path / "a.csv", lines)
    with pytest.raises(DataError, match=words):
        ingest_telemetry(store, path, "signals")
    assert [p.name for p in store.rglob("*") if p.is_file()] == ["store.json"]


def test_damaged_bytes_are_never_read(tmp_path, store):
    ingest_telemetry(store, write(tmp_path / "a.csv", [line(0, 0, 1.0)]), "signals")
    [path] = store.rglob("part.parquet")
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 97):
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged"):
            read_samples_of(store)
        data[place] ^= 1


def test_other_csv_files_are_no_telemetry(tmp_path):
    for text in ("", "\n", "time,voltage\n1,2\n", "\x00\xff", '"', "timestamp,SITE\n"):
        path = tmp_path / "x.csv"
        path.write_bytes(text.encode("latin-1"))
        assert telemetry_kind(path) is None
    assert telemetry_kind(tmp_path) is None


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 20), st.sampled_from([1.0, 2.0, -3.5])),
        max_size=120,
    ),
    memory=st.integers(1, 40),
    piece=st.integers(1, 30),
)
def test_sorting_in_little_memory_gives_what_sorting_all_at_once_gives(
    tmp_path_factory, rows, memory, piece
):
    series = [(0, "s", 0, 0, 9 - k) for k in range(5)]
    places = {k: 4 - k for k in range(5)}

    def pieces():
        for start in range(0, len(rows), piece):
            some = rows[start : start + piece]
            columns = zip(*some, strict=True)
            numbers, times, values = (np.array(list(one)) for one in columns)
            yield Samples(numbers.astype(np.int64), times.astype(np.int64), values.astype(float))

    folder = tmp_path_factory.mktemp("runs")
    counted = Sorted()
    found = []
    for one in sort_samples(pieces(), series, folder, counted, rows_in_memory=memory):
        found += zip(one.series.tolist(), one.ms_of_day.tolist(), one.values.tolist(), strict=True)
    expected = sorted({(places[k], ms, value) for k, ms, value in rows})
    assert found == expected
    assert counted.duplicates == len(rows) - len(expected)
    assert counted.same_time == len(expected) - len({row[:2] for row in expected})
    assert list(folder.iterdir()) == []


def test_little_memory_gives_the_same_bytes(tmp_path, store):
    random = np.random.default_rng(3)
    lines = [
        line(k, int(random.integers(0, 5000)), int(random.integers(0, 4)), int(random.integers(3)))
        for k in range(5000)
    ]
    path = write(tmp_path / "a.csv", lines)
    other = tmp_path / "other"
    create_store(other, format="parquet")
    one = ingest_telemetry(store, path, "signals").file
    two = ingest_telemetry(other, path, "signals", rows_in_memory=300).file
    assert one.parts == two.parts
    assert one.rules == two.rules
    assert list(other.rglob("run-*")) == []


@pytest.mark.shared_data
@pytest.mark.skipif(not FLEET.is_dir(), reason="the shared data are not beside this checkout")
def test_the_fleets_expected_answers_come_out_of_the_store(store):
    for path in sorted(FLEET.glob("Demo_*.csv")):
        ingest_telemetry(store, path, telemetry_kind(path))
    samples = read_samples_of(store, faults=True).to_pandas()
    assert len(samples) == 107_090
    assert (samples["quality"] == "fault").sum() == (samples["value"] < -100).sum() > 0
    truth = json.loads((FLEET / "truth_injected_events.json").read_text())
    starts = samples[samples["quality"] == "jump"]
    assert {event["start_ms"] for event in truth["events"]} <= set(
        starts["timestamp"].map(lambda moment: round(moment.timestamp() * 1000))
    )
    good = samples[samples["quality"] != "fault"]
    window = good.assign(window=good["timestamp"].dt.floor("30s"))
    keys = ["site", "asset", "component"]
    hot = window[window["signal"].str.contains("handle")]
    means = hot.groupby([*keys, "signal", "window"], observed=True)["value"].mean()
    power = window[window["signal"] == "LM_powerLimit"].groupby([*keys, "window"])["value"].max()
    over = means[means > 105].reset_index()
    with (FLEET / "expected_over105_fixed30s.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(over) == len(expected) == 13
    found = {(r.component, r.signal, r.window): r for r in over.itertuples()}
    for row in expected:
        key = (
            int(row["COMPONENT"]),
            row["signal_name"],
            pd.Timestamp(row["window_start_utc"], tz="UTC"),
        )
        assert found[key].value == pytest.approx(float(row["avg_temp_c"]), rel=1e-12)
        mine = power[(int(row["SITE"]), int(row["ASSET"]), key[0], key[2])]
        assert mine == float(row["max_power_kw"])
    alerts = read_alerts_of(store)
    assert alerts.num_rows == 12
    assert "LM_a191_negTempRationality" in alerts.column("alert").to_pylist()
