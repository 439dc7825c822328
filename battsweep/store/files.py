"""Files that are there whole or not at all, for the user alone."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from battsweep.errors import StoreError

PART_SUFFIX = ".part"
"""Ending of the hidden names under which files are written before they count."""

_WAYS_OUT = {
    errno.ENOSPC: "free some space and run again; nothing that was finished is lost",
    errno.EDQUOT: "free some quota and run again; nothing that was finished is lost",
    errno.EACCES: "check who owns the folder and whether you may write in it",
    errno.EPERM: "check who owns the folder and whether you may write in it",
    errno.EROFS: "the file system is read-only here; use a store elsewhere",
    errno.ENAMETOOLONG: "use shorter names, or a store with a shorter path",
    errno.EEXIST: "a file is where a folder should be; move it away",
    errno.ENOTDIR: "a file is where a folder should be; move it away",
}


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield a temporary path beside ``path``; on success, make it ``path``.

    Readers see the old file or the new one, never a part, and it is on the
    disk when this returns. On any error the temporary file goes and ``path``
    stays as it was.

    Raises
    ------
    StoreError
        If the file system refuses: it is full, read-only or another's.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART_SUFFIX}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
        _sync_file(part)
        part.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise refusal(path, error) from error
        raise


@contextmanager
def whole_folder(path: Path, staging: Path | None = None) -> Generator[Path]:
    """Yield a temporary folder beside ``path`` or in ``staging``; on success, make it ``path``.

    All that was written in it is on the disk before it counts. On any error
    it goes.

    Raises
    ------
    FileExistsError
        If another has made ``path`` meanwhile.
    StoreError
        If the file system refuses.
    """
    staging = staging or path.parent
    make_folder(path.parent)
    make_folder(staging)
    part = staging / f".{path.name}.{uuid.uuid4().hex}{PART_SUFFIX}"
    try:
        part.mkdir(mode=0o700)
        yield part
        for file in part.rglob("*"):
            _sync_folder(file) if file.is_dir() else _sync_file(file)
        _sync_folder(part)
        part.rename(path)
        _sync_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(error.errno, error.strerror, str(path)) from error
        if isinstance(error, OSError):
            raise refusal(path, error) from error
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Make ``path`` hold ``data``, as `whole_file` does, with its folders."""
    make_folder(path.parent)
    with whole_file(path) as part:
        part.write_bytes(data)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, for the user alone; safe to do twice."""
    if path.is_dir():
        return
    if path != path.parent:
        make_folder(path.parent)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: OSError) -> StoreError:
    """Return our error for what the file system says of ``path``."""
    way_out = _WAYS_OUT.get(error.errno or 0, "check the file system, then run again")
    return StoreError(f"{path}: {error.strerror or error}; {way_out}")


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder and say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
