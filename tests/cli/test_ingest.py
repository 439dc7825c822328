"""``battsweep ingest`` and what shows measured data, on files and cells that the tests make."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from battsweep.analysis.cell_figure import envelope, pauses, with_gaps
from battsweep.analysis.changes_figure import changes_figure
from battsweep.cli.ingest_cells import CellOptions, take_in
from battsweep.cli.ingest_files import given_files
from battsweep.cli.ingest_words import cells_lines
from battsweep.cli.main import main
from battsweep.errors import DataError, SpecError
from battsweep.store.cells import cell_records, read_cell, write_cell
from battsweep.store.check import check, rebuild
from battsweep.store.index import Index
from battsweep.store.indexing import index_measured
from battsweep.store.layout import create_store

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from measured_cells import cell, source

_SHARED = [up / "shared" / "data" for up in Path(__file__).parents]
SHARED = next((one for one in _SHARED if one.is_dir()), _SHARED[0])
DAY_MS = 1_647_043_200_000
HEADER = "timestamp,SITE,ASSET,COMPONENT,signal_name,VALUE\n"


def fleet(path, value=1.0):
    rows = (f"{DAY_MS + 10_000 * k},1,2,{k % 3},LM_TempDegC,{value + k}\n" for k in range(30))
    path.write_text(HEADER + "".join(rows))
    return path


def recorded(names=("Test Time / s", "Voltage / V", "Current / A")):
    """Return two clean cycles as a tester records them: charge, rest, discharge, rest."""
    phase = np.tile(np.arange(200), 2)
    up, down = phase < 80, (phase >= 100) & (phase < 180)
    volts = np.where(up, 3.2 + phase / 100, np.where(down, 4.0 - (phase - 100) / 100, 3.6))
    columns = [60.0 * np.arange(400), volts, 2.0 * up - 2.0 * down]
    return pa.table(dict(zip(names, columns, strict=True)))


@pytest.fixture
def lab(tmp_path):
    store = tmp_path / "lab"
    create_store(store, format="parquet")
    spectra = pa.table({"frequency_hz": [1.0]})
    write_cell(store, *cell("A", impedance=spectra))
    write_cell(store, *cell("A", seed=1, sources=(source("part2.csv", "b"),)), extend=True)
    write_cell(store, *cell("B\x1b[31m", sources=(source("b.csv", "b"),)))
    index_measured(store)
    return store


def test_telemetry_makes_the_store_and_says_what_it_did(tmp_path, capsys):
    path, store = fleet(tmp_path / "t.csv"), tmp_path / "new"
    assert main(["ingest", str(path), "--store", str(store)]) == 0
    said = capsys.readouterr().out
    assert "t.csv: telemetry, LM_TempDegC, 2022-03-12" in said
    assert "30 rows read, 30 rows kept, 3 components" in said
    assert f"{store}: 1 file of telemetry: 1 new" in said
    assert main(["ingest", str(path), "--store", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["telemetry"][0]["what"], found["indexed"]) == ("unchanged", True)
    assert (
        main(["query", str(store), "SELECT sum(rows) AS n FROM telemetry", "--format", "json"]) == 0
    )
    assert json.loads(capsys.readouterr().out) == [{"n": 30}]
    assert main(["table", str(store), "telemetry", "--format", "csv"]) == 0
    assert "2022-03-12,LM_TempDegC,30,3" in capsys.readouterr().out


def test_a_dry_run_tells_all_and_writes_nothing(tmp_path, capsys):
    path, store = fleet(tmp_path / "t.csv"), tmp_path / "lab"
    assert main(["ingest", str(path), "--store", str(store), "--dry-run"]) == 0
    assert "nothing is written (--dry-run): 1 file of telemetry: 1 new" in capsys.readouterr().out
    assert not store.exists()
    main(["ingest", str(path), "--store", str(store)])
    fleet(path, value=5.0)
    before = sorted(store.rglob("*"))
    capsys.readouterr()
    assert main(["ingest", str(path), "--store", str(store), "--dry-run"]) == 0
    assert "superseded" in capsys.readouterr().out
    assert sorted(store.rglob("*")) == before


def test_a_bad_file_is_status_2_with_its_line_and_leaves_no_half(tmp_path, capsys):
    path, store = fleet(tmp_path / "t.csv"), tmp_path / "lab"
    with path.open("a") as file:
        file.write("x,1,2,3,LM_TempDegC,1.0\n")
    assert main(["ingest", str(path), "--store", str(store)]) == 2
    assert "t.csv: line 32: column 'timestamp': invalid value 'x'" in capsys.readouterr().err
    assert not [one for one in store.rglob("*") if one.is_file() and one.name != "store.json"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["nothing.csv"], "no such file, folder or pattern"),
        (["*.csv"], "no such file, folder or pattern"),
        (["empty"], "no data files in this folder"),
    ],
)
def test_files_that_are_not_there_are_status_2(tmp_path, capsys, monkeypatch, files, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("about")
    assert main(["ingest", *files, "--store", "lab"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "lab").exists()


def test_a_folder_that_is_no_store_is_not_made_one(tmp_path, capsys):
    path = fleet(tmp_path / "t.csv")
    assert main(["ingest", str(path), "--store", str(tmp_path)]) == 2
    assert "holds files but is no store" in capsys.readouterr().err


def test_files_come_in_the_order_of_their_numbers_and_each_once(tmp_path):
    for name in ("part10.csv", "part2.csv", ".hidden.csv", "SOURCE.md", "sub/part1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    given = given_files([str(tmp_path), str(tmp_path / "part2.csv"), str(tmp_path / "part*.csv")])
    names = [path.relative_to(tmp_path).as_posix() for path in given.paths]
    assert names == ["part2.csv", "part10.csv", "sub/part1.csv"]
    assert [path.name for path in given.passed_over] == ["SOURCE.md"]


def test_a_file_whose_name_is_no_text_is_refused(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.csv"
    try:
        Path(os.fsdecode(path)).write_text("1")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(DataError, match=r"udcff.csv': its name is no text"):
        given_files([os.fsdecode(path)])


class Lab:
    """Cells to take in, and a clean function that counts what it is asked."""

    def __init__(self, *pairs):
        self.raws = [raw for raw, _ in pairs]
        self._clean = {id(raw): clean for raw, clean in pairs}
        self._by_source = {raw.sources: clean for raw, clean in pairs}
        self.cleaned = []

    def clean(self, raw):
        self.cleaned.append(raw.cell)
        return self._by_source[raw.sources]

    def take_in(self, store, **options):
        return take_in(self.raws, self.clean, store, CellOptions(**options), {})


def test_cells_are_cleaned_and_stored_and_not_cleaned_again(tmp_path):
    store = tmp_path / "lab"
    create_store(store, format="parquet")
    lab = Lab(cell("A"), cell("B", sources=(source("b.csv", "b"),)))
    assert [one.what for one in lab.take_in(store)] == ["new", "new"]
    assert [one.what for one in lab.take_in(store)] == ["unchanged", "unchanged"]
    assert lab.cleaned == ["A", "B"]


def test_parts_of_one_cell_under_one_name_are_one_history(tmp_path):
    store = tmp_path / "lab"
    create_store(store, format="parquet")
    lab = Lab(cell("part1"), cell("part2", seed=1, sources=(source("part2.csv", "b"),)))
    assert [one.what for one in lab.take_in(store, name="X")] == ["new", "extended"]
    assert read_cell(store, "X").record.cycles == 6
    assert [one.what for one in lab.take_in(store, name="X")] == ["unchanged", "unchanged"]


def test_a_dry_run_of_cells_writes_nothing(tmp_path):
    store = tmp_path / "lab"
    assert [one.what for one in Lab(cell("A")).take_in(store, dry_run=True)] == ["new"]
    assert not store.exists()


def test_nothing_is_written_if_one_cell_is_refused(tmp_path):
    store = tmp_path / "lab"
    create_store(store, format="parquet")
    write_cell(store, *cell("B"))
    before = sorted(store.rglob("*"))
    lab = Lab(cell("A"), cell("B", sources=(source("other.csv", "o"),)))
    with pytest.raises(DataError, match="cell 'B' is in the store already, from part1"):
        lab.take_in(store)
    assert sorted(store.rglob("*")) == before


def test_files_that_say_they_are_one_cell_are_not_joined_unasked(tmp_path):
    store = tmp_path / "lab"
    create_store(store, format="parquet")
    lab = Lab(cell("A"), cell("A", sources=(source("A.xlsx", "b"),)))
    with pytest.raises(DataError, match="one history in this order, say --extend"):
        lab.take_in(store)
    same_name = Lab(cell("A"), cell("A", sources=(source("part1.csv", "b"),)))
    with pytest.raises(DataError, match=r"part1.csv: two files of this name"):
        same_name.take_in(store, name="A")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[31m"])
def test_a_name_that_nobody_could_type_again_is_refused(tmp_path, name):
    with pytest.raises(SpecError, match="is no name"):
        Lab(cell("A")).take_in(tmp_path, name=name)


def test_one_name_cannot_be_that_of_several_cells_in_one_file(tmp_path):
    lab = Lab(cell("A"), cell("B"))
    with pytest.raises(SpecError, match="all the cells in one file: A, B"):
        lab.take_in(tmp_path, name="X")


def test_of_many_cells_in_a_file_each_has_a_line(tmp_path):
    many = Lab(*(cell(f"c{k}") for k in range(20)))
    create_store(tmp_path / "lab", format="parquet")
    lines = cells_lines(many.take_in(tmp_path / "lab"))
    assert len(lines) == 22
    assert lines[7] == "  c6: 60 rows, 3 cycles, 4 changed, 0 dropped, 2 warnings: new"


def test_a_picture_loses_no_spike_and_draws_no_line_across_a_pause():
    x, y = np.arange(100_000.0), np.zeros(100_000)
    y[[333, 77_777]] = 5, -5
    thin_x, thin_y = envelope(x, y)
    assert len(thin_x) < 5000
    assert (thin_y.max(), thin_y.min()) == (5, -5)
    paused = np.concatenate([x[:50], x[:50] + 5000])
    broken, gaps = with_gaps(paused, paused, pauses(paused))
    assert list(np.flatnonzero(np.isnan(gaps))) == [50]
    assert len(broken) == 101


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_testers_file_goes_in_by_the_command(tmp_path, capsys, format):
    table = recorded()
    path, store = tmp_path / f"LGM50-09.{format}", tmp_path / "lab"
    csv.write_csv(table, path) if format == "csv" else pq.write_table(table, path)
    assert main(["ingest", str(path), "--store", str(store), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["cells"]
    assert not store.exists()
    assert main(["ingest", str(path), "--store", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == planned
    assert [(one["cell"], one["what"], one["rows"]) for one in found["cells"]] == [
        ("LGM50-09", "new", 400)
    ]
    assert main(["ingest", str(path), "--store", str(store)]) == 0
    assert "1 cell: 1 unchanged" in capsys.readouterr().out
    stored = read_cell(store, "LGM50-09")
    assert stored.series.column("voltage_volt").equals(table.column("Voltage / V"))
    assert check(store, deep=True) == []


def test_a_file_that_is_in_is_known_by_its_bytes_whatever_its_cell_is_called(tmp_path, capsys):
    path, store = tmp_path / "a.csv", tmp_path / "lab"
    csv.write_csv(recorded(), path)
    line = ["ingest", str(path), "--store", str(store)]
    assert main([*line, "--cell", "X"]) == 0
    (tmp_path / "copy.csv").write_bytes(path.read_bytes())
    for again in (line, ["ingest", str(tmp_path / "copy.csv"), "--store", str(store)]):
        capsys.readouterr()
        assert main(again) == 0
        assert "unchanged: a.csv: is in the store already" in capsys.readouterr().out
    assert main([*line, "--cell", "Y"]) == 0
    assert [record.cell for record in cell_records(store)] == ["X", "Y"]


def test_of_a_file_whose_cells_are_not_all_in_the_rest_is_taken_in(tmp_path, capsys):
    path, store = tmp_path / "two.csv", tmp_path / "lab"
    table = recorded()
    names = [pa.array([name] * 400) for name in ("A", "B")]
    both = pa.concat_tables([table.append_column("cell_id", one) for one in names])
    csv.write_csv(both, path)
    line = ["ingest", str(path), "--store", str(store)]
    assert main(line) == 0
    shutil.rmtree(store / "measured" / "A")
    assert main(line) == 0
    assert "2 cells: 1 new, 1 unchanged" in capsys.readouterr().out
    assert main(line) == 0
    assert "2 cells: 2 unchanged" in capsys.readouterr().out


def test_one_bad_file_among_many_is_refused_and_the_rest_goes_in(tmp_path, capsys):
    folder, store = tmp_path / "exports", tmp_path / "lab"
    folder.mkdir()
    for name in ("a.csv", "c.csv"):
        csv.write_csv(recorded(), folder / name)
    (folder / "b.csv").write_text("words,without,numbers\n1,2,3\n")
    fleet(folder / "fleet.csv")
    (folder / "README.md").write_text("about")
    assert main(["ingest", str(folder), "--store", str(store)]) == 2
    said = capsys.readouterr()
    assert "2 cells and 1 file of telemetry: 3 new, 1 refused" in said.out
    assert "b.csv: no line with the names of a time" in said.err
    assert "[columns]" in said.err
    assert [record.cell for record in cell_records(store)] == ["a", "c"]


def test_a_recipe_is_read_and_another_one_supersedes(tmp_path, capsys):
    path, store, recipe = tmp_path / "odd.csv", tmp_path / "lab", tmp_path / "odd.toml"
    csv.write_csv(recorded(("Uhr", "Klemme", "Strang")), path)
    words = 'skip_rows = 0\n[columns]\ntime = "Uhr"\nvoltage = "Klemme"\ncurrent = "Strang"\n'
    words += '[units]\ntime = "s"\nvoltage = "V"\ncurrent = "A"\n'
    recipe.write_text(words)
    line = ["ingest", str(path), "--store", str(store), "--recipe", str(recipe), "--cell", "X"]
    assert main(line) == 0
    assert read_cell(store, "X").series.num_rows == 400
    recipe.write_text(words + "[cleaning]\nvoltage_highest = 3.7\n")
    assert main(line) == 0
    assert "superseded: odd.csv: is cleaned otherwise than before" in capsys.readouterr().out
    recipe.write_text("nonsense = 1\n")
    assert main(line) == 2
    assert "odd.toml: nonsense" in capsys.readouterr().err


def test_changed_values_are_drawn_at_their_times_before_and_after():
    series = pa.table({"test_time_second": [0.0, 10.0, 30.0], "voltage_volt": [3.0, 3.1, 3.2]})
    changes = pa.table(
        {
            "rule": ["duplicates", "spikes", "missing_values"],
            "row": [2, 3, 3],
            "row_count": [1, 1, 1],
            "column": ["all", "voltage_volt", "voltage_volt"],
            "before": [math.nan, 9.9, math.nan],
            "after": [math.nan, math.nan, 3.2],
            "why": ["", "", ""],
        }
    )
    figure = changes_figure(series, changes, [(0, 3)])
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["was"].get_xydata().tolist() == [[30.0, 9.9]]
    assert lines["became"].get_xydata().tolist() == [[30.0, 3.2], [30.0, 3.2]]
    other = series.set_column(1, "voltage_volt", pa.array([3.0, 3.1, 3.3]))
    assert changes_figure(other, changes, [(0, 3)]) is None
    assert changes_figure(series, changes.slice(0, 1), [(0, 3)]) is None


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not beside this checkout")
def test_a_file_of_several_cells_goes_in_whole_and_the_index_can_be_made_anew(tmp_path, capsys):
    path, store = SHARED / "messy_multi_cell" / "raw_cycling_data.csv", tmp_path / "lab"
    assert main(["ingest", str(path), "--store", str(store)]) == 0
    assert f"{store}: 4 cells: 4 new" in capsys.readouterr().out
    assert main(["ingest", str(path), "--store", str(store), "--cell", "X"]) == 2
    assert "all the cells in one file: CELL_A, CELL_B, CELL_C, CELL_D" in capsys.readouterr().err
    for record in cell_records(store):
        found = read_cell(store, record.cell)
        assert found.record.cycles == found.series.column("cycle_count")[-1].as_py()
        assert sum(found.steps.column("row_count").to_pylist()) == found.series.num_rows
    with Index.open(store, write=False) as index:
        before = index.rows()
    rebuild(store)
    with Index.open(store, write=False) as index:
        assert index.rows() == before
    assert check(store, deep=True) == []


def test_a_cell_is_shown_with_its_cleaning_report(lab, capsys, tmp_path):
    page = tmp_path / "a.html"
    assert main(["show", str(lab), "--cell", "A", "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "120 rows, 6 cycles, 12 steps" in said
    assert "steps: 6 cc_charge, 6 cc_discharge" in said
    assert "spike  2 found, 2 changed, 0 dropped (sigma 6)" in said
    assert "cycles 4 to 6; 600 s added to its times" in said
    assert "impedance: 1 row" in said
    text = page.read_text()
    assert "far from its neighbours" in text
    assert "data:image/png;base64," in text
    assert main(["show", str(lab), "--cell", "A", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["segments"][1]["cycle_offset"] == 3


def test_names_from_files_do_not_command_the_terminal(lab, capsys, tmp_path):
    assert main(["show", str(lab), "--cell", "B\x1b[31m"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_measured_tables_and_the_picture(lab, capsys, tmp_path):
    assert main(["table", str(lab), "cells", "--format", "json"]) == 0
    cells = json.loads(capsys.readouterr().out)
    assert [(one["cell"], one["rows"], one["generation"]) for one in cells] == [
        ("A", 120, 2),
        ("B\x1b[31m", 60, 1),
    ]
    assert main(["table", str(lab), "cell-cycles", "--cell", "A", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7
    assert main(["table", str(lab), "cell-steps", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 19
    picture = tmp_path / "a.png"
    assert main(["plot", str(lab), "cell", "--cell", "A", "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "A · 120 rows, 6 cycles" in capsys.readouterr().out
    query = "SELECT source, count(*) AS n FROM every_cycle_of_cell WHERE cell = 'A' GROUP BY 1"
    assert main(["query", str(lab), query, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"source": "measured", "n": 6}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "{lab}"], "give a TASK or --cell NAME"),
        (["show", "{lab}", "3", "--cell", "A"], "give a TASK or --cell NAME"),
        (["show", "{lab}", "--cell", "a"], "did you mean 'A'"),
        (["show", "{lab}", "--cell", "A", "--script"], "is for a task"),
        (["plot", "{lab}", "cell"], "there are several cells, so name one"),
        (["table", "{lab}", "cells", "--cell", "A"], "is not of one cell"),
        (["table", "{lab}", "cells", "--where", "a > 1"], "select tasks"),
        (["table", "{lab}", "tasks", "--cell", "A"], "use --where for 'tasks'"),
    ],
)
def test_wrong_arguments_are_told_with_the_way_out(lab, capsys, arguments, words):
    assert main([one.format(lab=lab) for one in arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_python_object_gives_cells_and_telemetry(lab, tmp_path):
    import battsweep

    main(["ingest", str(fleet(tmp_path / "t.csv")), "--store", str(lab)])
    with battsweep.open_store(lab) as store:
        assert store.cell("A").series.num_rows == 120
        assert list(store.cells()["cell"]) == ["A", "B\x1b[31m"]
        assert len(store.cell_cycles("A")) == 6
        assert store.telemetry("LM_TempDegC", component=1).num_rows == 10
        assert store.alerts().num_rows == 0
