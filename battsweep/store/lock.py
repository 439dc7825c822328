"""One driver at a time: a lock that says who holds it, and that outlives nobody."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from battsweep.errors import StoreError
from battsweep.store.files import refusal
from battsweep.store.layout import lock_path, store_format

HEARTBEAT_S = 30.0
STALE_AFTER_S = 300.0
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives a store; ``process_start`` tells it from a later process of its pid."""

    host: str
    pid: int
    process_start: str
    since_utc: str
    token: str


@contextmanager
def driver_lock(store: Path) -> Generator[Driver]:
    """Hold a store for this process, with a heartbeat, until the block ends.

    A lock whose process is gone is taken over, and so is one of another host
    that has not been refreshed for five minutes.

    Raises
    ------
    StoreError
        If another driver holds the store; it says which and since when.
    """
    store_format(store)
    path = lock_path(store)
    driver = Driver(
        host=socket.gethostname(),
        pid=os.getpid(),
        process_start=_process_start(os.getpid()),
        since_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        token=uuid.uuid4().hex,
    )
    _take(path, driver)
    stop = threading.Event()
    beat = threading.Thread(
        target=_beat, args=(path, driver, stop), name="battsweep-heartbeat", daemon=True
    )
    beat.start()
    try:
        yield driver
    finally:
        stop.set()
        beat.join()
        if _read(path) == driver:
            _tidy(path)


def current_driver(store: Path) -> Driver | None:
    """Return who drives a store now, or None; a stale lock counts as none."""
    path = lock_path(store)
    holder = _read(path)
    return None if holder is None or _is_stale(path, holder) else holder


def _take(path: Path, driver: Driver) -> None:
    for _ in range(_TRIES):
        if _create(path, driver):
            return
        holder = _read(path)
        if holder is None:
            continue  # it went away in between
        if not _is_stale(path, holder):
            raise StoreError(
                f"{path.parent}: driven by process {holder.pid} on {holder.host} since "
                f"{holder.since_utc}; wait for it to end, or stop it first"
            )
        _put_aside(path, holder)
    raise StoreError(
        f"{path}: changes all the time or makes no sense; if nothing drives this store, "
        "remove the file"
    )


def _create(path: Path, driver: Driver) -> bool:
    """Make the lock appear with its content, or return False where there is one."""
    part = path.with_name(f".{path.name}.{driver.token}.part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(driver), file)
            file.flush()
            os.fsync(file.fileno())
        _link(part, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        _tidy(part)
    return True


def _tidy(path: Path) -> None:
    """Remove a file; one that cannot be is left, for what went wrong first says more."""
    with suppress(OSError):
        path.unlink()


def _link(part: Path, path: Path) -> None:
    """Make ``part`` appear as ``path``, or raise FileExistsError where there is one."""
    try:
        # As exclusive as O_EXCL, and nobody sees the lock half written.
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system
        with path.open("xb") as file:
            file.write(part.read_bytes())


def _put_aside(path: Path, stale: Driver) -> None:
    """Remove a stale lock, but not one that somebody has taken in the meantime."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    except OSError as error:
        raise refusal(path, error) from error
    if _read(aside) != stale:
        with suppress(FileExistsError):
            os.link(aside, path)
    _tidy(aside)


def _read(path: Path) -> Driver | None:
    """Return what a lock says; None where there is none or it makes no sense."""
    try:
        return Driver(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is_stale(path: Path, holder: Driver) -> bool:
    if holder.host == socket.gethostname():
        return _process_start(holder.pid) != holder.process_start
    try:
        age = _now_there(path.parent) - path.stat().st_mtime
    except FileNotFoundError:
        return True
    return age > STALE_AFTER_S


def _now_there(folder: Path) -> float:
    """Return the time as the file system has it: clocks of hosts differ.

    Where nothing can be written, it is this host's.
    """
    probe = folder / f".now.{uuid.uuid4().hex}.part"
    try:
        probe.touch(mode=0o600)
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        _tidy(probe)


def _beat(path: Path, driver: Driver, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        if _read(path) == driver:
            try:
                os.utime(path)
            except OSError:
                continue  # the next beat may do


def _process_start(pid: int) -> str:
    """Return when a process started, in the system's own count; "" if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except FileNotFoundError:
        return _alive_without_proc(pid)
    except OSError:
        return ""
    # The name in parentheses may hold anything; field 22 counts from before it.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def _alive_without_proc(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"
