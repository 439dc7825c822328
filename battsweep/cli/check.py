"""``battsweep check``: whether every file of a store is there and whole."""

from __future__ import annotations

import argparse
import sys

from battsweep.cli.arguments import add_command, add_store
from battsweep.cli.output import print_json
from battsweep.cli.selection import require_store

_DESCRIPTION = """\
Hold a store's files against its index and their checksums. --deep reads every byte;
--rebuild first makes the index anew from the shards, which is always safe while
no driver runs. Exit status 1 if something is wrong.
"""
_EXAMPLES = """\
  battsweep check STORE
  battsweep check STORE --deep               read and verify every shard
  battsweep check STORE --rebuild            make the index anew
"""


def add_check(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        check,
        help="verify a store's files; rebuild its index",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument("--deep", action="store_true", help="read and verify every byte")
    parser.add_argument("--rebuild", action="store_true", help="make the index anew first")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def check(arguments: argparse.Namespace) -> int:
    """Print what is wrong, each with what mends it."""
    require_store(arguments.store)
    from dataclasses import asdict

    from battsweep.store.check import check as check_store
    from battsweep.store.check import rebuild

    if arguments.rebuild:
        rebuild(arguments.store)
        print(f"{arguments.store}: index rebuilt from the shards", file=sys.stderr)
    findings = check_store(arguments.store, deep=arguments.deep)
    if arguments.json:
        print_json({"findings": [asdict(one) for one in findings]})
    elif not findings:
        how = "every byte verified" if arguments.deep else "--deep also verifies every byte"
        print(f"{arguments.store}: all is well ({how})")
    for one in [] if arguments.json else findings:
        print(f"{one.path}: {one.kind}: {one.message}")
        print(f"    mend: {one.mend}")
    return 1 if findings else 0
