"""Which files an ingest is of: names, patterns and folders, in an order that people expect."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from battsweep.errors import DataError

_NO_DATA = (".md", ".rst", ".pdf", ".png", ".jpg", ".svg", ".html", ".py", ".toml", ".yaml", ".yml")
_NO_DATA_NAMES = ("license", "licence", "readme", "source", "changelog", "copying", "notice")
_COMPANIONS = ("_metadata.csv", "_metrics.csv")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class GivenFiles:
    """The files to read, and those of folders that are passed over since they hold no data."""

    paths: tuple[Path, ...]
    passed_over: tuple[Path, ...]


def given_files(arguments: Sequence[str]) -> GivenFiles:
    """Return the files that arguments name: a file, a pattern, or all files in a folder.

    Of a folder and of a pattern, files come in their names' order with numbers
    counted (part2 before part10); texts about data, such as a README, are
    passed over, as are hidden files. A file that several name comes once.

    Raises
    ------
    DataError
        If one names nothing.
    """
    paths: dict[Path, Path] = {}
    passed_over: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_file():
            found = [path]
        elif path.is_dir():
            every = _in_order(
                one for one in path.rglob("*") if one.is_file() and not _hidden(one, path)
            )
            found = [one for one in every if _may_be_data(one)]
            passed_over += [one for one in every if not _may_be_data(one)]
            if not found:
                raise DataError(f"{argument}: no data files in this folder")
        else:
            matches = glob.glob(argument, recursive=True)  # noqa: PTH207 - a pattern, not a path
            found = _in_order(one for one in map(Path, matches) if one.is_file())
            if not found:
                raise DataError(f"{argument}: no such file, folder or pattern")
        for one in found:
            _check_name(one)
            paths.setdefault(one.resolve(), one)
    return GivenFiles(tuple(paths.values()), tuple(passed_over))


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{str(path)!r}: its name is no text in UTF-8; rename it") from error


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=_order)


def _order(path: Path) -> list[tuple[int, int, str]]:
    """Return a key in which numbers count as numbers."""
    parts = _DIGITS.split(str(path).casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _may_be_data(path: Path) -> bool:
    stem = path.name.casefold().partition(".")[0]
    companion = path.name.casefold().endswith(_COMPANIONS)
    return path.suffix.casefold() not in _NO_DATA and stem not in _NO_DATA_NAMES and not companion
