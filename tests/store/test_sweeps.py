import json
from dataclasses import replace

import pytest

from battsweep.errors import StoreError
from battsweep.store.layout import sweep_folder
from battsweep.store.sweeps import read_parameters, read_sweep, sweep_folders, write_sweep
from battsweep.sweep.spec import Profile


def all_files(store):
    return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_a_sweep_reads_back_what_was_written(store, made):
    record = read_sweep(store, "rates")
    tasks = made.tasks(10)
    assert record.tasks["task_id"].to_pylist() == [task.id for task in tasks]
    assert record.tasks["number"].to_pylist() == list(range(10))
    assert json.loads(record.tasks["varied"][3].as_py()) == {"rate": 0.3}
    assert json.loads(record.tasks["procedure"][3].as_py())["current"] == "0.3C"
    assert record.plan["cells"]["LGM50"]["parameter_set"] == "Chen2020"
    assert record.plan["seed"] == 7
    assert (sweep_folder(store, "rates") / "sweep.toml").read_text() == "name = 'rates'\n"


def test_writing_a_sweep_again_changes_nothing(store, made):
    before = all_files(store)
    made.sweep_in(store, 10)
    assert all_files(store) == before


def test_another_sweep_under_the_same_id_is_refused(store, made):
    with pytest.raises(StoreError, match="another sweep under this id, with 10 tasks"):
        made.sweep_in(store, 9)


def test_a_sweep_without_a_plan_is_not_there(store, made):
    (sweep_folder(store, "rates") / "plan.json").unlink()
    assert sweep_folders(store) == []
    made.sweep_in(store, 10)
    assert len(sweep_folders(store)) == 1


@pytest.mark.parametrize("name", ["plan.json", "sweep.toml", "tasks.parquet"])
def test_a_changed_file_of_a_sweep_is_named(store, name):
    path = sweep_folder(store, "rates") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=rf"{name}: is damaged.*run the sweep again"):
        read_sweep(store, "rates")


def test_a_parameter_set_is_verified_against_its_name(store):
    (path,) = (store / "params").iterdir()
    assert json.loads(read_parameters(store, path.stem)) == {"Nominal cell capacity [A.h]": 5.0}
    path.write_text("{}")
    with pytest.raises(StoreError, match="is damaged"):
        read_parameters(store, path.stem)


def test_a_parameter_set_with_another_digest_is_refused(store, made):
    with pytest.raises(StoreError, match="has the sha256"):
        write_sweep(store, "x", made.sweep(), made.tasks(1), made.resolved(), {"0" * 64: "{}"})


def test_a_sweep_id_from_data_stays_in_the_store(tmp_path, made):
    made.sweep_in(tmp_path / "store", 2, name="../../elsewhere")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert read_sweep(tmp_path / "store", "../../elsewhere").sweep_id == "../../elsewhere"


def test_a_long_profile_is_kept_once_for_all_its_tasks(store, made):
    times = tuple(map(float, range(5000)))
    profile = Profile("current", times, times, "drive.csv")
    tasks = [
        replace(task, procedure=replace(task.procedure, profile=profile, current=""))
        for task in made.tasks(10)
    ]
    record = write_sweep(store, "drive", made.sweep(), tasks, made.resolved(), {})
    column = record.tasks["procedure"].combine_chunks()
    assert len(column.dictionary) == 1
    assert json.loads(column[9].as_py())["profile"]["times_s"] == list(times)
