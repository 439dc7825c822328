"""Where output goes: files, devices, links, and places that take nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from battsweep.cli.output import write_file
from battsweep.errors import SpecError

ROOT = Path(__file__).parents[2]
COMMAND = f"{sys.executable} -m battsweep.cli.main"


@pytest.fixture
def shell():
    """Return a function that runs a line of shell, "battsweep" being the command line."""

    def run(line, *prefix):
        return subprocess.run(
            [*prefix, "sh", "-c", line.replace("battsweep ", f"{COMMAND} ")],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        )

    return run


def read_only(folder):
    """Return a line of shell that makes a folder read-only for what follows it."""
    return f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && "


def own_mounts(shell, tmp_path):
    """Return how to run with mounts of one's own, or skip where that is not allowed."""
    prefix = ("unshare", "--user", "--map-root-user", "--mount")
    if not shutil.which("unshare") or shell(f"{read_only(tmp_path)} true", *prefix).returncode:
        pytest.skip("no mounts of one's own here")
    return prefix


def test_a_device_is_written_to_and_not_replaced():
    before = os.stat("/dev/null")
    write_file(Path("/dev/null"), b"a table")
    after = os.stat("/dev/null")
    assert (before.st_ino, before.st_rdev) == (after.st_ino, after.st_rdev)


def test_a_full_device_refuses_and_stays_a_device():
    with pytest.raises(SpecError, match="/dev/full: cannot be written: No space left"):
        write_file(Path("/dev/full"), b"a table")
    assert Path("/dev/full").is_char_device()


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "link.csv").symlink_to("there.csv")
    for data in (b"first", b"second"):
        write_file(tmp_path / "link.csv", data)
        assert (tmp_path / "there.csv").read_bytes() == data
    assert (tmp_path / "link.csv").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_links_in_a_ring_and_folders_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for path in (tmp_path / "a", tmp_path):
        with pytest.raises(SpecError, match="cannot be written"):
            write_file(path, b"a table")


@pytest.mark.parametrize("command", ["status {}", "table {} tasks", "check {}", "table --help"])
def test_a_full_standard_output_is_one_calm_line(shell, store, command):
    done = shell(f"battsweep {command.format(store)} > /dev/full")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "No space left on device" in line
    assert "bug" not in line


def test_a_closed_standard_output_is_one_calm_line(shell, store):
    done = shell(f"battsweep status {store} >&-")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "battsweep: standard output is closed; use > /dev/null",
    ]


def test_an_interrupt_while_arguments_are_read_has_no_traceback():
    code = (
        "import os, signal, sys, battsweep.cli.main as main\n"
        "class Interrupting(list):\n"
        "    def __iter__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        return super().__iter__()\n"
        "sys.exit(main.main(Interrupting(['status'])))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "battsweep: interrupted\n")


@pytest.mark.parametrize(
    "command",
    ["check {0} --rebuild", "table {0} tasks -o {0}/x.csv", "plot {0} voltage -o {0}/x.png"],
)
def test_a_read_only_file_system_is_named_and_no_bug(shell, store, tmp_path, command):
    prefix = own_mounts(shell, tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    done = shell(f"{read_only(copy)} battsweep {command.format(copy)}", *prefix)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "Read-only file system" in line
    assert "bug" not in line


def test_columns_of_one_name_are_all_there(shell, store, tmp_path):
    sql = "SELECT 1 AS a, 2 AS a, 3 AS a"
    done = shell(f'battsweep query {store} "{sql}" --format json')
    assert json.loads(done.stdout) == [{"a": 1, "a_2": 2, "a_3": 3}]
    assert shell(f'battsweep query {store} "{sql}" -o {tmp_path}/x.parquet').returncode == 0
    assert pd.read_parquet(tmp_path / "x.parquet").columns.tolist() == ["a", "a_2", "a_3"]


def test_numbers_and_text_in_a_column_of_parquet_are_refused_with_a_way_out(shell, store, tmp_path):
    sql = "SELECT 1 AS a UNION ALL SELECT 'one'"
    done = shell(f'battsweep query {store} "{sql}" -o {tmp_path}/x.parquet')
    assert done.returncode == 2
    assert "--format: parquet holds one kind of value a column" in done.stderr
    assert "CAST(column AS TEXT)" in done.stderr


def test_the_error_tables_of_simulations_and_fits_follow_one_another(shell, store):
    text = shell(f"battsweep table {store} rmse").stdout
    assert text.startswith("Simulations against measured curves\n\n")
    assert text.index("best RMSE") < text.index("\n\nFits: before and after\n\n")
    refused = shell(f"battsweep table {store} rmse --format csv")
    assert refused.returncode == 2
    assert "choose with --where" in refused.stderr


def test_an_error_table_without_an_error_says_how_tasks_stand(shell, store):
    done = shell(f"battsweep table {store} rmse --sweep rates --where \"status == 'failed'\"")
    assert done.returncode == 2
    assert "of 1, 0 are done and 1 failed" in done.stderr
    assert "sweep file needs" not in done.stderr


def test_a_summary_of_tasks_that_failed_does_not_blame_the_sweep_file(shell, store, tmp_path):
    for kind in ("summary", "heatmap"):
        where = "--sweep rates --where \"status == 'failed'\""
        done = shell(f"battsweep plot {store} {kind} {where} -o {tmp_path}/x.png")
        assert done.returncode == 2
        assert "none of the 1 tasks is done" in done.stderr


def test_one_quantity_cannot_lie_along_both_axes(shell, store, tmp_path):
    done = shell(f"battsweep plot {store} heatmap --x rate --y rate -o {tmp_path}/x.png")
    assert done.returncode == 2
    assert "--y: 'rate' lies along x already" in done.stderr


def test_a_rebuild_over_a_damaged_shard_is_not_well(shell, store, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    shard = next(copy.glob("data/*/*/*.parquet"))
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    done = shell(f"battsweep check {copy} --rebuild --deep")
    assert done.returncode == 1
    assert f"{shard}: damaged" in done.stdout
