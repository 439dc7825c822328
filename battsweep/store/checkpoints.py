"""Checkpoints: what a long task has finished so far, as plain arrays, a file a block of cycles.

::

    STORE/checkpoints/<task id>/cycles-000020-of-001000.npz

Each file holds the rows and numbers of the cycles since the file before, and the
state that the next cycle starts from. It ends with the sha256 of all before that.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.store.files import write_whole
from battsweep.store.layout import file_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEAL_BYTES = 32
_NAME = re.compile(r"cycles-(\d{6,})-of-(\d{6,})\.npz")
_STATE, _COLUMN = "state ", "column "


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some finished cycles of a task.

    They are those after ``first``, until ``done`` of ``total``. ``state`` holds the
    arrays to go on from, ``columns`` the rows by name, and ``record`` what JSON can
    say. ``made_by`` tells blocks apart that must not be put together.
    """

    first: int
    done: int
    total: int
    made_by: str
    state: Mapping[str, NDArray[np.float64]]
    columns: Mapping[str, NDArray[np.float64]]
    record: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many cycles of a task that is being computed are saved."""

    task_id: str
    done: int
    total: int


def checkpoints_folder(store: Path) -> Path:
    """Return the folder with a folder a task."""
    return store / "checkpoints"


def checkpoint_folder(store: Path, task_id: str) -> Path:
    """Return the folder of a task's blocks."""
    return checkpoints_folder(store) / file_name(task_id)


def write_block(folder: Path, block: Block) -> None:
    """Save a block, whole or not at all; safe to do twice.

    Raises
    ------
    StoreError
        If the file system refuses.
    """
    head = {
        "first": block.first,
        "done": block.done,
        "total": block.total,
        "made_by": block.made_by,
        "record": dict(block.record),
    }
    import numpy as np

    text = np.frombuffer(json.dumps(head, allow_nan=False).encode(), dtype=np.uint8)
    arrays = {f"{_STATE}{name}": array for name, array in block.state.items()}
    arrays |= {f"{_COLUMN}{name}": array for name, array in block.columns.items()}
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, head=text, **arrays)
    data = sink.getvalue()
    write_whole(folder / _file(block.done, block.total), data + sha256(data).digest())


def read_blocks(folder: Path, *, made_by: str | None = None) -> tuple[list[Block], list[str]]:
    """Return a task's blocks in order, and a note for each file that is not used.

    A block is used if it is whole, made as ``made_by`` says (as the first is, if
    not given), and goes on where the one before it ended.
    """
    blocks: list[Block] = []
    notes: list[str] = []
    for path in _files(folder):
        block = _read(path)
        reached = blocks[-1].done if blocks else 0
        wanted = blocks[0].made_by if blocks else made_by
        if block is None:
            notes.append(f"checkpoint {path.name} is damaged; going on from cycle {reached}")
        elif wanted is not None and block.made_by != wanted:
            notes.append(f"checkpoint {path.name} was made by other versions; not used")
        elif block.first != reached:
            notes.append(f"checkpoint {path.name} lacks those before it; not used")
        else:
            blocks.append(block)
    return blocks, notes


def forget_after(folder: Path, done: int) -> None:
    """Delete the blocks beyond a cycle: they will be computed again."""
    for path in _files(folder):
        if _numbers(path)[0] > done:
            path.unlink(missing_ok=True)


def forget(folder: Path) -> None:
    """Delete a task's blocks; nothing happens if there are none."""
    shutil.rmtree(folder, ignore_errors=True)


def saved_cycles(folder: Path) -> int:
    """Return how many cycles of a task are saved, judged by the files' names."""
    return max((_numbers(path)[0] for path in _files(folder)), default=0)


def standings(store: Path) -> tuple[Standing, ...]:
    """Return how far the tasks with checkpoints are, judged by the files' names."""
    found = []
    for folder in _folders(store):
        files = _files(folder)
        if files:
            done, total = _numbers(files[-1])
            found.append(Standing(folder.name, done, total))
    return tuple(found)


def left_over(store: Path, finished: Callable[[Iterable[str]], set[str]]) -> tuple[Path, ...]:
    """Return the folders of tasks whose shards are committed, as ``finished`` tells."""
    folders = _folders(store)
    done = finished([folder.name for folder in folders]) if folders else set()
    return tuple(folder for folder in folders if folder.name in done)


def forget_finished(store: Path, finished: Callable[[Iterable[str]], set[str]]) -> None:
    """Delete the checkpoints of tasks whose shards are committed, as ``finished`` tells."""
    for folder in left_over(store, finished):
        forget(folder)


def _folders(store: Path) -> list[Path]:
    folder = checkpoints_folder(store)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _file(done: int, total: int) -> str:
    return f"cycles-{done:06d}-of-{total:06d}.npz"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), key=_numbers)


def _numbers(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _read(path: Path) -> Block | None:
    """Return a file's block, or None where it is not what was written."""
    try:
        data = path.read_bytes()
        content, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if sha256(content).digest() != seal:
            return None
        import numpy as np

        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            head = json.loads(bytes(arrays["head"]))
            found = {name: arrays[name] for name in arrays.files if name != "head"}
        return Block(
            state={n.removeprefix(_STATE): a for n, a in found.items() if n.startswith(_STATE)},
            columns={n.removeprefix(_COLUMN): a for n, a in found.items() if n.startswith(_COLUMN)},
            **head,
        )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
