import json
import sqlite3
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from battsweep.errors import StoreError
from battsweep.store.index import Index
from battsweep.store.layout import create_store, index_path, shard_paths
from battsweep.store.schema import VIEWS
from battsweep.store.store import open_store


@pytest.fixture
def opened(store):
    with open_store(store) as found:
        yield found


def test_tasks_have_labels_then_varied_values_then_summaries(opened):
    tasks = opened.tasks()
    assert list(tasks.columns) == [
        "task_id", "number", "sweep", "cell", "model", "protocol", "status",
        "failure_class", "rate", "capacity [A.h]",
    ]  # fmt: skip
    assert tasks["status"].tolist() == ["done"] * 6 + [
        "failed",
        "lost",
        "waiting",
        "waiting",
    ]
    assert tasks["rate"].tolist() == pytest.approx([number / 10 for number in range(10)])
    assert tasks["capacity [A.h]"].isna().tolist() == [False] * 6 + [True] * 4


def test_tasks_can_be_chosen_by_condition_and_sweep(opened):
    assert opened.tasks("rate > 0.25 and status == 'done'")["number"].tolist() == [3, 4, 5]
    assert opened.tasks("`capacity [A.h]` >= 4.99")["number"].tolist() == [0, 1]
    assert opened.tasks(sweep="rates")["number"].count() == 10
    assert opened.tasks(sweep="other").empty


def test_a_name_that_no_task_has_is_refused_with_a_hint(opened):
    with pytest.raises(StoreError, match="no task has 'rat'; did you mean 'rate'"):
        opened.tasks("rat > 1")


def test_a_condition_that_nothing_meets_gives_an_empty_frame(opened):
    assert opened.tasks("rate > 100").empty


def test_a_summary_named_like_a_varied_value_is_told_apart(tmp_path, made):
    made.sweep_in(tmp_path, 1)
    made.shard_in(tmp_path, [made.receipt(0, summary={"rate": 9.0, "model": 1.0})])
    with open_store(tmp_path) as found:
        columns = list(found.tasks().columns)
    assert columns[-3:] == ["rate", "rate (summary)", "model (summary)"]


def test_cycles_have_a_row_a_cycle(opened):
    cycles = opened.cycles("rate < 0.35")
    assert cycles["number"].tolist() == [0, 1, 2, 3]
    assert cycles["cycle_count"].tolist() == [1] * 4
    assert cycles["energy [W.h]"].tolist() == [18.0] * 4


def test_failures_say_which_and_why(opened):
    (failure,) = opened.failures().to_dict("records")
    assert (failure["number"], failure["failure_class"]) == (6, "solver")
    assert failure["message"] == "it gave up"
    assert failure["rate"] == pytest.approx(0.6)


def test_parameters_list_each_set_and_its_models(opened):
    (used,) = opened.parameters().to_dict("records")
    assert (used["cell"], used["parameter_set"], used["models"]) == (
        "LGM50",
        "Chen2020",
        "SPMe",
    )
    assert used["tasks"] == 10
    assert json.loads(used["overrides"]) == {}


def test_sweeps_have_a_row_each(opened):
    assert opened.sweeps()[["sweep", "seed", "task_count"]].to_dict("records") == [
        {"sweep": "rates", "seed": 7, "task_count": 10}
    ]


def test_status_counts_tasks_by_outcome_and_class(opened, store):
    status = opened.status()
    (sweep,) = status.sweeps
    assert sweep.counts == {"done": 6, "failed": 1, "lost": 1, "waiting": 2}
    assert sweep.failures == {"solver": 1}
    assert sweep.tasks == 10
    assert sweep.wall_s == pytest.approx(8 * 1.5)
    assert sweep.first_finished_utc == "2026-01-02T03:04:06+00:00"
    assert status.shards == 3
    assert status.bytes == sum((store / path).stat().st_size for path in shard_paths(store))


def test_status_of_an_empty_store_is_empty(tmp_path):
    create_store(tmp_path, format="parquet")
    with open_store(tmp_path) as found:
        assert found.status().sweeps == ()
        assert found.tasks().empty
        assert found.cycles().empty
        assert found.failures().empty


def test_series_by_condition_have_the_rows_of_the_tasks(opened, made):
    table = opened.series("rate > 0.15 and rate < 0.45")
    assert isinstance(table, pa.Table)
    for number in (2, 3, 4):
        mask = pa.compute.equal(table["task_id"], made.task_id(number))
        rows = table.filter(mask).drop_columns("task_id")
        assert rows.equals(made.table(10, number))
    assert len(table) == 30


def test_series_by_id_have_the_columns_asked_for(opened, made):
    table = opened.series([made.task_id(1), made.task_id(5)], ["voltage_volt"])
    assert table.column_names == ["task_id", "voltage_volt"]
    assert len(table) == 20


def test_series_are_the_same_in_both_formats(tmp_path, made, format):
    made.sweep_in(tmp_path, 3)
    made.shard_in(tmp_path, [made.receipt(n) for n in range(3)], format=format)
    with open_store(tmp_path) as found:
        rows = found.series([made.task_id(1)]).drop_columns("task_id")
    assert rows.equals(made.table(10, 1))


def test_series_that_are_not_there_are_refused(opened, made):
    with pytest.raises(StoreError, match="none of these tasks has rows"):
        opened.series([made.task_id(6)])
    with pytest.raises(StoreError, match=r"no column 'volts'; there are .*voltage_volt"):
        opened.series([made.task_id(1)], ["volts"])


def test_series_of_a_damaged_shard_are_refused(opened, store, made):
    path = store / shard_paths(store)[0]
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=path.name):
        opened.series([made.task_id(0)])


def test_a_query_is_answered_as_a_frame(opened):
    found = opened.query("SELECT status, count(*) AS n FROM all_tasks GROUP BY 1 ORDER BY 1")
    assert found.to_dict("list") == {
        "status": ["done", "failed", "lost", "waiting"],
        "n": [6, 1, 1, 2],
    }


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_asked(opened, view):
    assert isinstance(opened.query(f"SELECT * FROM {view}"), pd.DataFrame)


def test_a_query_may_use_json_and_recursion(opened):
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) "
        "SELECT i, (SELECT count(*) FROM sweep_task, json_each(varied)) AS c FROM n"
    )
    assert opened.query(sql)["i"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM attempt",
        "UPDATE shard SET bytes = 0",
        "INSERT INTO task VALUES ('x', 'simulation')",
        "DROP TABLE shard",
        "CREATE TEMP TABLE x(a)",
        "PRAGMA user_version = 9",
        "ATTACH '{folder}/other.sqlite' AS other",
        "VACUUM INTO '{folder}/other.sqlite'",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "SELECT load_extension('x')",
        "SELEC 1",
        "SELECT nothing FROM all_tasks",
        "",
    ],
)
def test_what_is_not_reading_is_refused_with_the_views(store, tmp_path, sql):
    with Index.open(store, write=True) as index:
        before = index.rows()
    with open_store(store) as found, pytest.raises(StoreError, match=r"^query: "):
        found.query(sql.format(folder=tmp_path))
    with Index.open(store, write=True) as index:
        assert index.rows() == before
    assert not (tmp_path / "other.sqlite").exists()


def test_after_a_refused_query_others_are_answered(opened):
    with pytest.raises(StoreError, match="all_tasks"):
        opened.query("DROP TABLE shard")
    assert len(opened.tasks()) == 10


def test_a_measured_curve_is_found_by_name(opened):
    assert opened.measured()["name"].tolist() == ["LGM50-01"]
    curve = opened.measured_series("LGM50-01")
    assert curve.to_pydict() == {
        "test_time_second": [0.0, 1.0, 2.0],
        "voltage_volt": [4.2, 4.1, 4.0],
    }
    with pytest.raises(StoreError, match=r"named 'LGM'; there are \['LGM50-01'\]"):
        opened.measured_series("LGM")


def test_a_damaged_measured_curve_is_refused(opened, store):
    (path,) = (store / "measured").rglob("*.parquet")
    data = bytearray(path.read_bytes())
    data[30] ^= 4
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"LGM50-01-.*damaged"):
        opened.measured_series("LGM50-01")


def test_a_task_is_held_against_the_curve_of_its_conditions(opened):
    found = opened.query("SELECT number, measured FROM simulation_vs_measured")
    assert found.to_dict("records") == [{"number": 2, "measured": "LGM50-01"}]


def test_default_curves_are_the_done_ones(opened):
    found = opened.query("SELECT number FROM default_parameter_curves ORDER BY number")
    assert found["number"].tolist() == list(range(6))


def test_a_task_is_found_by_number_and_by_prefix(opened, made):
    by_number = opened.task(3)
    assert by_number.task_id == made.task_id(3)
    assert opened.task(made.task_id(3)[:9]) == by_number
    assert by_number.procedure["current"] == "0.3C"
    assert by_number.model_content["options"] == {"thermal": "isothermal"}
    assert by_number.parameter_set == "Chen2020"
    assert by_number.varied == {"rate": 0.3}
    assert (by_number.row_start, by_number.row_count) == (0, 10)


def test_an_ambiguous_task_names_the_candidates(opened, made):
    with pytest.raises(StoreError, match=rf"10 tasks could be '': .*{made.task_id(0)}"):
        opened.task("")


@pytest.mark.parametrize("prefix", ["zzz", "999", "%", "_"])
def test_an_unknown_task_is_refused(opened, prefix):
    with pytest.raises(StoreError, match="no task"):
        opened.task(prefix)


def test_a_number_that_no_task_has_is_not_taken_for_an_id(opened, made):
    numbers = map(str, range(10, 100))
    ids = [made.task_id(number) for number in range(10)]
    prefix = next(number for number in numbers if any(one.startswith(number) for one in ids))
    (meant,) = (one for one in ids if one.startswith(prefix))
    with pytest.raises(StoreError, match=f"no task has the number {prefix}, .*: {meant[:8]}"):
        opened.task(prefix)
    assert opened.task(meant[:8]).task_id == meant


def test_a_number_of_several_sweeps_is_ambiguous_but_one_task_is_not(store, made):
    made.sweep_in(store, 4, name="again")
    with Index.open(store, write=True) as index:
        index.reconcile()
    with open_store(store) as found:
        assert found.task(3).sweep == "again"
        assert found.tasks()["task_id"].nunique() == 10
        assert len(found.tasks()) == 14


def test_attempts_are_all_receipts_of_a_task(store, made):
    made.shard_in(store, [replace(made.receipt(7), attempt=2)], chunk=7)
    with Index.open(store, write=True) as index:
        index.reconcile()
    with open_store(store) as found:
        attempts = found.attempts(7)
        assert found.task(7).status == "done"
    assert [receipt.outcome for receipt, _ in attempts] == ["lost", "done"]
    assert attempts[0][1] == {"host": "here"}


def test_a_reader_sees_what_the_driver_adds(store, made):
    with Index.open(store, write=True) as index, open_store(store) as found:
        assert found.status().sweeps[0].counts["done"] == 6
        index.ingest_shard(made.shard_in(store, [made.receipt(8)], chunk=8))
        assert found.status().sweeps[0].counts["done"] == 7


def test_a_store_without_index_is_read_all_the_same(store):
    with open_store(store) as found:
        before = found.tasks()
    index_path(store).unlink()
    with open_store(store) as found:
        pd.testing.assert_frame_equal(found.tasks(), before)
    assert not index_path(store).exists()


def test_reading_does_not_write(store, made):
    with (
        open_store(store) as found,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        found.connection.execute("DELETE FROM attempt")


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is no store"):
        open_store(tmp_path)
