"""Whether a path is on a file system of other machines, where SQLite must take care."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = ("nfs", "lustre", "gpfs", "beegfs", "cifs", "smb3", "ceph", "fuse.")


def on_network(path: Path) -> bool:
    """Return whether a path is on a network file system, as far as Linux says."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return False
    return is_network(file_system_of(path.resolve().as_posix(), mounts))


def is_network(file_system: str) -> bool:
    """Return whether a file system's type is one that several machines share."""
    return file_system.startswith(_NETWORK)


def file_system_of(path: str, mounts: str) -> str:
    """Return the type of the file system that holds a path; "" where none does.

    ``mounts`` is what /proc/self/mountinfo says. Of two mounts on one place
    the later counts.
    """
    found, depth = "", -1
    places = {path, *(str(parent) for parent in PurePosixPath(path).parents)}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        place = _unescape(fields[4])
        if place in places and len(place) >= depth:
            found, depth = after.split()[0], len(place)
    return found


def _unescape(text: str) -> str:
    for code, character in (
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ):
        text = text.replace(code, character)
    return text
