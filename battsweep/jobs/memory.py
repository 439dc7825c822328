"""How much memory a solving process may have, and how much it has."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

RESERVE = 0.1
"""The share of the machine's memory that is left to all else, at least `LEAST_RESERVE`."""
LEAST_RESERVE = 1024**3
LEAST_LIMIT = 512 * 1024**2

_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # what version 1 of control groups writes for "no limit"


def share_of_memory(workers: int) -> int | None:
    """Return the bytes a worker's solving process may have; None where nobody knows.

    The machine's memory, or the limit of the control group this process is
    in where that is less, without a reserve, shared by the workers.
    """
    known = [size for size in (_machine(), *_control_groups()) if size is not None]
    if not known:
        return None
    whole = min(known)
    reserve = max(LEAST_RESERVE, int(RESERVE * whole))
    return max(LEAST_LIMIT, (whole - reserve) // workers)


def memory_of(pid: int) -> int | None:
    """Return the bytes a process holds in memory and swap; None where that cannot be read.

    Known on Linux only.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    sizes = [line.split() for line in text.splitlines() if line.startswith(("VmRSS:", "VmSwap:"))]
    return sum(int(fields[1]) * 1024 for fields in sizes) if sizes else None


def give_back() -> None:
    """Give memory that was freed back to the machine, where the C library can (Linux).

    It otherwise keeps what planning and each chunk's messages took for a moment.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def in_words(size: int) -> str:
    """Return an amount of memory as people write it."""
    return f"{size / 1024**3:.3g} GiB" if size >= 1024**3 else f"{size / 1024**2:.3g} MiB"


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _control_groups() -> list[int]:
    """Return the limits of this process's control groups and of those above them."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = _CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = root / path.lstrip("/")
        # In a container the path may be one that only the host sees: the root is ours then.
        for place in (folder, *folder.parents):
            if place.is_relative_to(root):
                found += _limit(place / name)
    return found


def _limit(path: Path) -> list[int]:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return []
    return [int(text)] if text.isdecimal() and int(text) < _UNLIMITED else []
