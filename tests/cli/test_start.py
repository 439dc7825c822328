"""Starting is light, and help is there for every command."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "pydantic",
    "matplotlib",
    "pybamm",
    "distributed",
)
COMMANDS = ("plan", "run", "status", "show", "query", "table", "logs", "plot", "check")


def test_the_command_line_imports_nothing_heavy():
    code = (
        "import sys, battsweep.cli.main as main; main.build_parser();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_takes_less_than_half_a_second_of_cpu(battsweep):
    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    battsweep("--help")  # the first start may compile
    before = spent()
    battsweep("--help")
    assert spent() - before < 0.5


def test_help_lists_every_command_with_a_line_and_an_example(battsweep):
    text = battsweep("--help").stdout
    lines = [line.split() for line in text.splitlines()]
    assert all(any(words[:1] == [name] and len(words) > 3 for words in lines) for name in COMMANDS)
    assert "battsweep run sweep.toml" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(battsweep, name):
    done = battsweep(name, "--help")
    assert done.returncode == 0
    assert f"battsweep {name} " in done.stdout.split("examples:")[1]


def test_the_version_is_told(battsweep):
    done = battsweep("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("battsweep ")


def test_an_unknown_command_is_wrong_input(battsweep):
    assert battsweep("statsu").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("show", 1),
        ("query", "SELECT 1"),
        ("table", "tasks"),
        ("logs",),
        ("plot", "voltage"),
        ("check",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_store_that_is_not_there_is_named_with_what_makes_one(battsweep, tmp_path, arguments):
    command, *rest = arguments
    done = battsweep(command, tmp_path / "none", *rest)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"battsweep: {tmp_path / 'none'}: no such folder" in done.stderr
    assert "'battsweep run SWEEP --store" in done.stderr
    assert "Traceback" not in done.stderr
