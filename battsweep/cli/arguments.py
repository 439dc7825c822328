"""Arguments that several commands share, and the words for what is wrong with one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from difflib import get_close_matches
from pathlib import Path

from battsweep.errors import Fault, SpecError

Command = Callable[[argparse.Namespace], int]
"""A command's function: takes the parsed arguments, returns the exit status."""

_MOST_NAMES = 20
FORMATS = ("text", "csv", "json", "markdown", "parquet")


def add_command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Command,
    *,
    help: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command with a line of help, a description and examples."""
    parser = subparsers.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"examples:\n{examples.rstrip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=function)
    return parser


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the store, the first argument of most commands."""
    parser.add_argument("store", metavar="STORE", type=Path, help="folder that battsweep run made")


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add the options that select tasks."""
    parser.add_argument(
        "--where",
        metavar="EXPR",
        help="only tasks for which this holds, e.g. \"model == 'SPMe' and rate > 1\"; "
        "names with spaces in backticks",
    )
    parser.add_argument("--sweep", metavar="SWEEP", help="only tasks of this sweep, by id or name")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options that say in which form a table is given, and where to."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="default: by the ending of --output, else text",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        type=Path,
        help="write to FILE, not to the terminal",
    )


def wrong(option: str, message: str) -> SpecError:
    """Return the error that says which argument is wrong, and the way out."""
    return SpecError([Fault("", option, message)])


def known_name(option: str, name: str, known: Collection[str]) -> str:
    """Return a name if it is known.

    Raises
    ------
    SpecError
        If it is not; suggests what may be meant.
    """
    if name in known:
        return name
    by_word = {word.casefold(): one for one in known for word in one.split()}
    words = get_close_matches(name.casefold(), by_word, n=2)
    meant = dict.fromkeys([*get_close_matches(name, known, n=2), *map(by_word.get, words)])
    if meant:
        hint = f"did you mean {' or '.join(map(repr, meant))}?"
    else:
        hint = f"there are {', '.join(map(repr, sorted(known)[:_MOST_NAMES]))}"
    raise wrong(option, f"{name!r} is not known here; {hint}")
