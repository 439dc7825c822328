"""Every command on a small real store, in a new process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from battsweep.cli.main import confess, main
from battsweep.store.lock import driver_lock

ROOT = Path(__file__).parents[2]
SWEEP, FITS = "rates-0a1b2c3d", "fits-4e5f6a7b"
PNG = b"\x89PNG"


@pytest.fixture
def battsweep(capsys, monkeypatch):
    """Return a function that runs the command line in this process, which is faster."""

    def run(*arguments, cwd=None, stdin=None):
        if cwd is not None:
            monkeypatch.chdir(cwd)
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    return run


def test_status_counts_tasks_and_classes_and_suggests_the_next_command(battsweep, store):
    text = battsweep("status", store).stdout
    assert "done    16 of 18   88.9 %" in text
    assert "1 solver" in text
    assert "waiting  1 of 18" in text
    assert "No driver is at work." in text
    assert f"Next: battsweep run SWEEP --store {store}" in text


def test_status_as_json_is_one_document(battsweep, store):
    document = json.loads(battsweep("status", store, "--json").stdout)
    counts = {sweep["sweep"]: sweep["counts"]["done"] for sweep in document["sweeps"]}
    assert counts == {SWEEP: 16, FITS: 2}
    assert document["driver"] is None


def test_status_names_the_driver_that_is_at_work(battsweep, store):
    with driver_lock(store):
        text = battsweep("status", store).stdout
    assert f"Driven by process {os.getpid()} on " in text


def test_watching_ends_when_no_driver_is_at_work(battsweep, store):
    assert battsweep("status", store, "--watch").returncode == 0


def test_show_tells_what_was_varied_and_why_it_failed(battsweep, store):
    record = failed_task(battsweep, store)
    text = battsweep("show", store, record["task_id"][:12]).stdout
    assert "Negative electrode thickness [m]  9e-05" in text
    assert "failed (solver)" in text
    assert "IDAKLU: the error test failed too often" in text
    assert "host      node1" in text


def test_show_as_json_has_the_attempts(battsweep, store):
    record = failed_task(battsweep, store)
    document = json.loads(battsweep("show", store, record["task_id"], "--json").stdout)
    assert document["attempts"][0]["failure_class"] == "solver"
    assert document["attempts"][0]["provenance"]["host"] == "node1"


def test_show_as_a_script_is_python_that_names_pybamm(battsweep, store):
    record = failed_task(battsweep, store)
    script = battsweep("show", store, record["task_id"], "--script").stdout
    compile(script, "script", "exec")
    assert "import pybamm" in script


def test_a_task_that_is_not_there_is_wrong_input(battsweep, store):
    done = battsweep("show", store, "zzz")
    assert done.returncode == 2
    assert "no task 'zzz'" in done.stderr


def failed_task(battsweep, store):
    done = battsweep("query", store, "--where", "status == 'failed'", "--format", "json")
    (record,) = json.loads(done.stdout)
    return record


def test_a_condition_selects_tasks(battsweep, store):
    done = battsweep("query", store, "--where", "model == 'SPM' and rate > 1", "--format", "csv")
    assert pd.read_csv(io.StringIO(done.stdout))["number"].tolist() == [6, 7, 8]


def test_sql_comes_from_the_argument_or_from_standard_input(battsweep, store):
    sql = "SELECT count(*) AS n FROM failures"
    assert json.loads(battsweep("query", store, sql, "--format", "json").stdout) == [{"n": 1}]
    piped = battsweep("query", store, "-", "--format", "json", stdin=sql)
    assert json.loads(piped.stdout) == [{"n": 1}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either SQL or --where"),
        (("SELECT 1", "--where", "rate > 1"), "give either SQL or --where"),
        (("DROP TABLE task",), "not authorized"),
        (
            ("--where", "rate == 7"),
            "holds for none of the 20 tasks; names to select by: task_id",
        ),
        (("--where", "rat == 7"), "did you mean 'rate'?"),
        (("--where", "rate =="), "where"),
        (("SELECT 1", "-o", "a.xyz"), "use one of .csv, .json, .md, .parquet"),
        (("--sweep", "rates-0a1b"), "did you mean 'rates-0a1b2c3d'?"),
    ],
)
def test_a_wrong_question_says_what_would_be_right(battsweep, store, arguments, message):
    done = battsweep("query", store, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("tasks", 20),
        ("cycles", 48),
        ("failures", 1),
        ("parameters", 2),
        ("fits", 2),
        ("sweeps", 2),
    ],
)
def test_each_table_has_its_rows(battsweep, store, name, rows):
    done = battsweep("table", store, name, "--format", "json")
    assert len(json.loads(done.stdout)) == rows


def test_the_error_table_of_a_sweep_has_a_row_a_model_and_rate(battsweep, store):
    rows = json.loads(
        battsweep("table", store, "rmse", "--sweep", SWEEP, "--format", "json").stdout
    )
    assert [(row["model"], row["rate"]) for row in rows] == [
        (model, rate) for model in ("DFN", "SPM") for rate in (0.5, 1, 2)
    ]


def test_the_error_table_of_fits_has_before_and_after(battsweep, store):
    rows = json.loads(battsweep("table", store, "rmse", "--sweep", FITS, "--format", "json").stdout)
    assert {(row["RMSE before [mV]"], row["RMSE after [mV]"]) for row in rows} == {(30, 4)}


def test_a_table_goes_to_a_file_in_the_format_of_its_ending(battsweep, store, tmp_path):
    file = tmp_path / "tasks.parquet"
    done = battsweep("table", store, "tasks", "--output", file)
    assert done.returncode == 0
    assert len(pd.read_parquet(file)) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.parquet"]


def test_a_sweep_is_named_by_its_id_or_its_name(battsweep, store):
    by_id, by_name = (
        battsweep("table", store, "tasks", "--sweep", name, "--format", "csv").stdout
        for name in (SWEEP, "rates")
    )
    assert by_id == by_name
    assert len(by_id.splitlines()) == 19


def test_the_driver_log_is_shown_by_its_end_or_whole(battsweep, store):
    short = battsweep("logs", store).stdout
    assert "line 99" in short
    assert "line 5\n" not in short
    assert "line 5\n" in battsweep("logs", store, "--all").stdout


def test_logs_of_a_task_have_what_it_printed_and_the_traceback(battsweep, store):
    text = battsweep("logs", store, failed_task(battsweep, store)["task_id"]).stdout
    assert "attempt 1: failed (solver)" in text
    assert "solver: a step was repeated" in text
    assert "SolverError: too often" in text


@pytest.mark.parametrize("kind", ["voltage", "summary", "heatmap", "cycles", "fit"])
def test_each_plot_is_drawn_without_any_option(battsweep, store, tmp_path, kind):
    done = battsweep("plot", store, kind, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{kind}.png").read_bytes().startswith(PNG)
    assert f"{kind}.png: " in done.stdout


def test_a_plot_says_what_it_chose(battsweep, store, tmp_path):
    done = battsweep("plot", store, "voltage", "-o", tmp_path / "v.svg")
    assert "chosen: --colour rate, --x capacity" in done.stdout
    assert "16 of 18 tasks drawn, 1 failed, 1 waiting" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("voltage", "--colour", "thicknes"),
            "did you mean 'Negative electrode thickness [m]'?",
        ),
        (("voltage", "--y", "volt"), "--y: 'volt' is not known here; "),
        (("voltage", "--x", "currnt_ampere"), "did you mean 'current_ampere'?"),
        (("voltage", "--model", "SPMM"), "did you mean 'SPM'?"),
        (("voltage", "--sweep", FITS), "use: battsweep plot STORE fit"),
        (("fit", "--sweep", SWEEP), "is a finished fit"),
        (("summary", "-o", "a.gif"), "use .png, .svg, .pdf"),
        (("voltage", "--where", "status == 'failed'"), "none of the 1 tasks is done"),
    ],
)
def test_a_wrong_plot_says_what_would_be_right(battsweep, store, tmp_path, arguments, message):
    done = battsweep("plot", store, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_check_is_content_with_a_whole_store(battsweep, store):
    done = battsweep("check", store, "--deep")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all is well" in done.stdout


def test_check_names_a_damaged_shard_and_what_mends_it(battsweep, store, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(store), str(copy)], check=True)
    shard = next(copy.glob("data/*/*/*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-9])
    done = battsweep("check", copy, "--json")
    (finding,) = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert shard.name in finding["path"]
    assert finding["mend"]


def test_a_rebuilt_index_holds_the_same_tasks(battsweep, store, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(store), str(copy)], check=True)
    (copy / "index.sqlite").unlink()
    assert battsweep("check", copy, "--rebuild").returncode == 0
    tables = [battsweep("table", path, "tasks", "--format", "csv").stdout for path in (store, copy)]
    assert tables[0] == tables[1]


def test_a_reader_that_leaves_early_is_no_error(store):
    process = subprocess.Popen(
        [sys.executable, "-m", "battsweep.cli.main", "table", str(store), "tasks"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), errors) == (0, b"")


def test_an_interrupt_is_130_and_no_traceback(store):
    with driver_lock(store):
        process = subprocess.Popen(
            [sys.executable, "-m", "battsweep.cli.main", "status", str(store), "--watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == b"battsweep: interrupted\n"


def test_an_unexpected_error_is_called_a_bug_and_its_traceback_is_kept(capsys):
    try:
        raise KeyError("shape")
    except KeyError as error:
        assert confess(error) == 1
    line = capsys.readouterr().err
    assert "this is a bug of battsweep: KeyError: 'shape'; the traceback is in " in line
    kept = Path(line.split("the traceback is in ")[1].strip())
    assert "raise KeyError" in kept.read_text()
    kept.unlink()
