"""Starting is light, and help is there for every command."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import pytest

from battsweep.store.index import Index
from battsweep.store.layout import create_store

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
COMMANDS = ("plan", "run", "status", "show", "query", "table", "logs", "plot", "check", "ingest")


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


def test_ctrl_c_while_the_program_is_still_imported_ends_it_without_a_traceback():
    code = (
        "import os, signal, sys\n"
        "from battsweep.cli.start import main\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'battsweep.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_once_it_is_imported_ctrl_c_is_heard_as_ever():
    code = (
        "import signal, sys\n"
        "from battsweep.cli.start import main\n"
        "sys.argv[1:] = ['--version']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("True\n")


def test_ctrl_c_after_the_command_ends_it_without_a_traceback(tmp_path):
    code = (
        "import atexit, os, signal, sys\n"
        "from battsweep.cli.start import main\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        f"sys.argv[1:] = ['status', {str(tmp_path / 'none')!r}]\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert "Traceback" not in done.stderr


def test_status_reads_the_index_without_what_reads_shards(tmp_path):
    create_store(tmp_path / "store", format="parquet")
    Index.open(tmp_path / "store", write=True).close()
    code = (
        "import sys; from battsweep.cli.main import main;"
        f"main(['status', {str(tmp_path / 'store')!r}]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
