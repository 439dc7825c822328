"""Where everything is in a store, and what makes a folder one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from battsweep.errors import StoreError
from battsweep.store.files import PART_SUFFIX, make_folder, write_whole

FORMAT_NAME = "battsweep-store"
SCHEMA_VERSION = 1
SUFFIXES = {"parquet": ".parquet", "hdf5": ".h5"}
"""The two formats of shards, and how their files' names end."""

_CHUNKS_A_FOLDER = 1000
_LONGEST_NAME = 80


def create_store(path: Path, *, format: str) -> None:
    """Make ``path`` a store whose shards have a format; safe to do twice.

    Raises
    ------
    StoreError
        If ``path`` holds something else, or a store of another format or of
        a newer battsweep.
    """
    if format not in SUFFIXES:
        raise StoreError(f"{path}: format {format!r} is not known; use one of {sorted(SUFFIXES)}")
    if is_store(path):
        existing = store_format(path)
        if existing != format:
            raise StoreError(
                f"{path}: this store's format is {existing!r}, not {format!r}; "
                f'set format = "{existing}" in the sweep file, or use another store'
            )
        return
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path}: is a file; a store is a folder, so use another path")
    if path.exists() and any(not entry.name.endswith(PART_SUFFIX) for entry in path.iterdir()):
        raise StoreError(f"{path}: holds files but is no store; use another or an empty folder")
    record = {
        "format": FORMAT_NAME,
        "schema_version": SCHEMA_VERSION,
        "shards": format,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    make_folder(path)
    write_whole(path / "store.json", (json.dumps(record, indent=2) + "\n").encode())


def is_store(path: Path) -> bool:
    """Return whether ``path`` says that it is a store."""
    return (path / "store.json").is_file()


def store_format(path: Path) -> str:
    """Return the format of a store's shards: "parquet" or "hdf5".

    Raises
    ------
    StoreError
        If ``path`` is no store, or one that this version cannot read.
    """
    file = path / "store.json"
    try:
        record = json.loads(file.read_bytes())
        name, version, shards = (
            record["format"],
            int(record["schema_version"]),
            record["shards"],
        )
    except FileNotFoundError as error:
        raise StoreError(f"{path}: is no store: it has no store.json") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{file}: cannot be read ({error!r}); put it back from a copy, or make a new "
            "store and copy its store.json here"
        ) from error
    if name != FORMAT_NAME or shards not in SUFFIXES:
        raise StoreError(f"{file}: format {name!r} with {shards!r} shards is not battsweep's")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{file}: schema_version {version} is newer than {SCHEMA_VERSION}, the newest "
            "that this battsweep knows; install a newer battsweep"
        )
    return str(shards)


def file_name(name: str) -> str:
    """Return a name from data as one that is safe for a file or folder.

    It never leaves its folder, is never hidden, and is another one for
    another name.
    """
    text = quote(name, safe="") or "%"
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text) > _LONGEST_NAME:
        text = f"{text[:_LONGEST_NAME]}~{sha256(name.encode()).hexdigest()[:8]}"
    return text


def index_path(store: Path) -> Path:
    """Return the path of a store's index."""
    return store / "index.sqlite"


def lock_path(store: Path) -> Path:
    """Return the path of the file that says who drives."""
    return store / "driver.lock"


def sweeps_folder(store: Path) -> Path:
    """Return the folder with a folder a sweep."""
    return store / "sweeps"


def sweep_folder(store: Path, sweep: str) -> Path:
    """Return the folder of a sweep's own files."""
    return sweeps_folder(store) / file_name(sweep)


def parameters_path(store: Path, digest: str) -> Path:
    """Return the path of a parameter set by the sha256 of its text."""
    return store / "params" / f"{file_name(digest)}.json"


def shard_path(sweep: str, *, chunk: int, attempt: int, token: str, format: str) -> Path:
    """Return the path of a shard, relative to its store."""
    folder = Path("data", file_name(sweep), f"c{chunk // _CHUNKS_A_FOLDER:03d}")
    return folder / f"part-{chunk:07d}-{attempt:02d}-{file_name(token)}{SUFFIXES[format]}"


def shard_paths(store: Path) -> list[Path]:
    """Return the paths of all shards on disk, relative to the store, in order."""
    found = (store / "data").glob("*/c*/part-*")
    suffixes = set(SUFFIXES.values())
    return sorted(path.relative_to(store) for path in found if path.suffix in suffixes)


def measured_path(cell: str, name: str, digest: str) -> Path:
    """Return the path of a measured curve, relative to its store."""
    return Path("measured", file_name(cell), f"{file_name(name)}-{digest[:8]}.parquet")


def cell_folder(store: Path, cell: str) -> Path:
    """Return the folder of a measured cell's histories."""
    return store / "measured" / file_name(cell)


def generation_folder(store: Path, cell: str, generation: int) -> Path:
    """Return the folder of one generation of a measured cell's history."""
    return cell_folder(store, cell) / f"g{generation:06d}"


def telemetry_folder(store: Path) -> Path:
    """Return the folder with a folder for each ingested file of telemetry."""
    return store / "telemetry"


def logs_folder(store: Path) -> Path:
    """Return the folder of logs."""
    return store / "logs"


def inside(store: Path, relative: str | Path) -> Path:
    """Return the path of a file that the store names, which must be inside it."""
    path = Path(relative)
    if path.is_absolute() or ".." in path.parts:
        raise StoreError(f"{store}: the path {str(relative)!r} leaves the store; it is not read")
    return store / path
