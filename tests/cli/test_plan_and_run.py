"""The two commands that everything begins with, as a user types them."""

from __future__ import annotations

import csv
import io
import json

import pytest

from battsweep.cli.main import main

SWEEP = """
name = "small"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
discharge = "{rate}C"
[[axes]]
rate = [1, 2]
[[axes]]
"Negative electrode thickness [m]" = [8e-5, 9e-5]
[[axes]]
"Lower voltage cut-off [V]" = [2.5, 4.5]
[output]
every = "60 s"
summary = ["capacity"]
"""


@pytest.fixture
def sweep_file(tmp_path, monkeypatch):
    """Return a sweep file in an empty folder, which is where commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SWEEP)
    return "small.toml"


def test_plan_says_how_many_tasks_and_how_each_name_is_swept(sweep_file, capsys):
    assert main(["plan", sweep_file]) == 0
    text = capsys.readouterr().out
    assert "small: 8 tasks" in text
    assert "groups that share one built model: 1, of 8 tasks" in text
    assert "mesh of symbols for every task of SPM" in text
    lines = {line.split("  ")[1].strip(): line for line in text.splitlines() if line[:2] == "  "}
    assert "protocol input" in lines["rate"]
    assert "symbolic geometry" in lines["Negative electrode thickness [m]"]


def test_plan_says_why_a_length_is_rebuilt(sweep_file, tmp_path, capsys):
    own = SWEEP.replace("[models.SPM]", "[models.SPM]\ngeometry = 'rebuild'")
    (tmp_path / "small.toml").write_text(own)
    assert main(["plan", sweep_file]) == 0
    text = capsys.readouterr().out
    assert "groups that share one built model: 2, of 4, 4 tasks" in text
    assert "rebuild            a length" in text
    assert "mesh of symbols" not in text


def test_the_whole_list_comes_as_csv_and_as_json(sweep_file, capsys):
    assert main(["plan", sweep_file, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(["plan", sweep_file, "--json"]) == 0
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    assert [row["task_id"] for row in rows] == [task["task_id"] for task in tasks]
    assert len({row["group"] for row in rows}) == 1
    assert [float(row["rate"]) for row in rows] == [task["varied"]["rate"] for task in tasks]


def test_faults_that_only_pybamm_knows_are_told_with_those_of_the_file(tmp_path, capsys):
    text = SWEEP.replace("Chen2020", "Chen2021").replace('"60 s"', '"60 parsecs"')
    (tmp_path / "wrong.toml").write_text(text)
    assert main(["plan", str(tmp_path / "wrong.toml")]) == 2
    told = capsys.readouterr().err
    assert "did you mean 'Chen2020'?" in told
    assert "60 parsecs" in told
    assert "Traceback" not in told


def test_run_computes_tells_what_failed_and_has_nothing_to_do_the_second_time(sweep_file, capsys):
    assert main(["run", sweep_file, "--workers", "2"]) == 1
    first = capsys.readouterr()
    assert "8 tasks computed" in first.out
    assert "4 failed: battsweep table small-store failures" in first.out
    assert "8/8 tasks" in first.err
    assert main(["run", sweep_file, "--json"]) == 1
    second = json.loads(capsys.readouterr().out)
    assert (second["found"], second["done"], second["found_failed"]) == (8, 0, 4)
