"""The command line: reads arguments, calls one command, turns errors into words."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from battsweep.cli.check import add_check
from battsweep.cli.ingest import add_ingest
from battsweep.cli.logs import add_logs
from battsweep.cli.plan import add_plan
from battsweep.cli.plot import add_plot
from battsweep.cli.query import add_query
from battsweep.cli.run import add_run
from battsweep.cli.show import add_show
from battsweep.cli.status import add_status
from battsweep.cli.table import add_table
from battsweep.errors import BattsweepError, DataError, SpecError, StoreError

DONE, SOME_FAILED, INPUT_WRONG, INTERRUPTED = 0, 1, 2, 130
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
_COMMANDS = (
    add_plan,
    add_run,
    add_ingest,
    add_status,
    add_show,
    add_query,
    add_table,
    add_logs,
    add_plot,
    add_check,
)
_DESCRIPTION = """\
Large sweeps and fits of lithium-ion battery models with PyBaMM, over all cores;
results in Parquet or HDF5 files with an SQLite index.
"""
_EPILOG = """\
example:
  battsweep plan sweep.toml                  what would be computed, and is it right?
  battsweep run sweep.toml                   compute it; the same again goes on
  battsweep status sweep-store --watch       how far is it?
  battsweep plot sweep-store voltage -o voltage.png

"battsweep COMMAND --help" says more, with examples. Exit status: 0 all is well,
1 some tasks failed (run) or something is wrong with a store (check), 2 the input is wrong.
"""


class _Version(argparse.Action):
    """Print the version, found only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"battsweep {version('battsweep')}")
        except PackageNotFoundError:
            print("battsweep (not installed)")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="battsweep",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for add in _COMMANDS:
        add(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; only usage errors and help exit."""
    if sys.stdout is None:  # a file that is opened later would take its place
        print("battsweep: standard output is closed; use > /dev/null", file=sys.stderr)
        return SOME_FAILED
    try:
        return _call(argv)
    except BrokenPipeError:
        return DONE  # the reader left
    except KeyboardInterrupt:
        print("battsweep: interrupted", file=sys.stderr)
        return INTERRUPTED
    except SpecError as error:
        return _complain([str(fault) for fault in error.faults])
    except (DataError, StoreError) as error:
        return _complain([str(error)])
    except BattsweepError as error:
        _complain([str(error)])
        return SOME_FAILED
    except OSError as error:
        if error.filename is None and error.errno in _REFUSED:
            _complain([f"cannot write: {error.strerror}; send the output elsewhere"])
            return SOME_FAILED
        return confess(error)
    except Exception as error:
        return confess(error)
    finally:
        _let_go_of_output()


def _call(argv: Sequence[str] | None) -> int:
    try:
        arguments = build_parser().parse_args(argv)
        status: int = arguments.function(arguments)
    except SystemExit:
        sys.stdout.flush()  # help, too, may find no place
        raise
    sys.stdout.flush()
    return status


def _let_go_of_output() -> None:
    """Let nobody try again, as Python does at its end, to write what was refused."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(lines: Sequence[str]) -> int:
    if os.environ.get("BATTSWEEP_TRACEBACK") == "1":
        traceback.print_exc()
    for line in lines:
        print(f"battsweep: {line}", file=sys.stderr)
    return INPUT_WRONG


def confess(error: Exception) -> int:
    """Say in one line that battsweep is wrong and where the traceback is; return 1."""
    if os.environ.get("BATTSWEEP_TRACEBACK") == "1":
        traceback.print_exception(error)
        where = "above"
    else:
        with tempfile.NamedTemporaryFile(
            "w", prefix="battsweep-traceback-", suffix=".txt", delete=False
        ) as file:
            traceback.print_exception(error, file=file)
        where = f"in {file.name}"
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    print(
        f"battsweep: this is a bug of battsweep: {summary}; the traceback is {where}",
        file=sys.stderr,
    )
    return SOME_FAILED


if __name__ == "__main__":
    sys.exit(main())
