"""What the store says of each ingested file of telemetry, and which of them count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from battsweep.data.cell import RuleCount, SourceFile
from battsweep.data.telemetry.reading import Kind
from battsweep.errors import StoreError
from battsweep.store.files import make_folder
from battsweep.store.json_text import to_json
from battsweep.store.layout import file_name, inside, telemetry_folder

DOCUMENT = "telemetry.json"
SCHEMA_VERSION = 1
STAGING = "staging"
"""Where folders are written: readers of ``telemetry/*/day=*``, some of which see hidden ones too,
do not find them there."""

_SUPERSEDED = "superseded"
_DAMAGE = (OSError, ValueError, LookupError, TypeError)


@dataclass(frozen=True, slots=True)
class ComponentRows:
    """What a part has of one component; ``low`` and ``high`` are of its good samples."""

    site: int
    asset: int
    component: int
    rows: int
    good: int
    first_ms: int
    last_ms: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A Parquet file of an ingest: all its samples of one day and signal, or its alerts."""

    path: str
    day: str
    signal: str
    rows: int
    bytes: int
    sha256: str
    first_ms: int
    last_ms: int
    components: tuple[ComponentRows, ...]


@dataclass(frozen=True, slots=True)
class TelemetryFile:
    """A file of telemetry that was ingested; ``ingest`` is the name of its folder."""

    ingest: str
    kind: Kind
    source: SourceFile
    created_utc: str
    rows_read: int
    parts: tuple[StoredPart, ...]
    rules: tuple[RuleCount, ...]

    @property
    def rows(self) -> int:
        """Return how many rows it has in the store."""
        return sum(part.rows for part in self.parts)


def encode_document(file: TelemetryFile) -> bytes:
    """Return a document: a line of JSON about it with its sha256, and a line of JSON."""
    content = asdict(file)
    for part in content["parts"]:
        part["components"] = [list(one.values()) for one in part["components"]]
    text = to_json(content).encode()
    head = {"format": "battsweep-telemetry", "schema_version": SCHEMA_VERSION}
    return b"\n".join([to_json(head | {"sha256": sha256(text).hexdigest()}).encode(), text, b""])


def decode_document(data: bytes) -> TelemetryFile:
    """Return what `encode_document` wrote; a ValueError or the like if it is damaged."""
    first, text, rest = data.split(b"\n")
    head = json.loads(first)
    if int(head["schema_version"]) > SCHEMA_VERSION:
        raise ValueError(f"schema_version {head['schema_version']} is newer; install that")
    if rest or sha256(text).hexdigest() != head["sha256"]:
        raise ValueError("its content is not what was written")
    content: dict[str, Any] = json.loads(text)
    content["source"] = SourceFile(**content["source"])
    content["rules"] = tuple(RuleCount(**one) for one in content["rules"])
    content["parts"] = tuple(
        StoredPart(**{**part, "components": tuple(ComponentRows(*c) for c in part["components"])})
        for part in content["parts"]
    )
    return TelemetryFile(**content)


def telemetry_folders(store: Path) -> list[Path]:
    """Return the folders of all ingested files, those that were put aside too, sorted."""
    aside = (telemetry_folder(store) / _SUPERSEDED).glob("*")
    found = [*_in_place(store), *(path for path in aside if path.is_dir())]
    return sorted(found, key=lambda path: path.name)


def is_aside(folder: Path) -> bool:
    """Return whether a folder was put aside, since a newer one counts in its place."""
    return folder.parent.name == _SUPERSEDED


def _in_place(store: Path) -> list[Path]:
    others = (_SUPERSEDED, STAGING)
    found = telemetry_folder(store).glob("*")
    return sorted(path for path in found if path.is_dir() and path.name not in others)


def telemetry_files(
    store: Path, name: str | None = None, wanted: Callable[[Path], bool] = lambda _: True
) -> dict[str, TelemetryFile]:
    """Return the documents of the files that were not put aside, by folder; or of a name's.

    There may be thousands: ``wanted`` tells by a folder whether its document is.

    Raises
    ------
    StoreError
        If one is damaged.
    """
    found = {}
    for folder in _in_place(store):
        if name is not None and not folder.name.startswith(f"{file_name(name)}-"):
            continue  # a folder has its file's name
        if not wanted(folder):
            continue
        try:
            found[folder.name] = read_document(folder)
        except StoreError:
            if folder.is_dir():  # else another ingest put it aside just now
                raise
    return found


def read_document(folder: Path) -> TelemetryFile:
    """Return what a folder says of its file; a StoreError if it is damaged."""
    path = folder / DOCUMENT
    try:
        file = decode_document(path.read_bytes())
        if file.ingest != folder.name:
            raise ValueError("it belongs to another folder")
    except _DAMAGE as error:
        raise damaged(path, error) from error
    return file


def verify_telemetry(folder: Path) -> TelemetryFile:
    """Hold every byte of an ingested file against its checksums; return its document."""
    file = read_document(folder)
    for part in file.parts:
        verify_part(folder, part)
    return file


def verify_part(folder: Path, part: StoredPart) -> Path:
    """Hold a part's bytes against its sha256; return its path, or raise a StoreError."""
    path = inside(folder, part.path)
    try:
        with path.open("rb") as data:
            digest = file_digest(data, "sha256").hexdigest()
            if (data.tell(), digest) != (part.bytes, part.sha256):
                raise ValueError("its content is not what was written")
    except _DAMAGE as error:
        raise damaged(path, error) from error
    return path


def live_files(files: Iterable[TelemetryFile]) -> list[TelemetryFile]:
    """Return the files that count: of those that are altered versions of one, the newest.

    The order in which they are given makes no difference.
    """
    taken: dict[str, set[tuple[object, ...]]] = {}
    found = []
    for file in sorted(files, key=lambda one: (one.created_utc, one.ingest), reverse=True):
        newer = taken.setdefault(file.source.name, set())
        mine = _contents(file)
        if newer.isdisjoint(mine):
            found.append(file)
            newer |= mine
    return sorted(found, key=lambda one: one.ingest)


def settle(store: Path, name: str) -> None:
    """Move what counts no more of a file out of the way of readers; safe to do twice."""
    root = telemetry_folder(store)
    files = telemetry_files(store, name)
    live = {file.ingest for file in live_files(files.values())}
    for gone in sorted(files.keys() - live):
        if (root / gone).is_dir():
            make_folder(root / _SUPERSEDED)
            with suppress(FileNotFoundError):  # another ingest moved it
                (root / gone).rename(root / _SUPERSEDED / gone)


def place_of(store: Path, ingest: str) -> Path:
    """Return the folder of an ingested file, wherever it is."""
    root = telemetry_folder(store)
    here = root / ingest
    return here if here.is_dir() else root / _SUPERSEDED / ingest


def damaged(path: Path, error: Exception) -> StoreError:
    """Return the error that says what is wrong with a stored file of telemetry."""
    what = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
    return StoreError(f"{path}: {what}; `battsweep check STORE --deep` says how to mend it")


def _contents(file: TelemetryFile) -> set[tuple[object, ...]]:
    """Return the days, signals and components of a file; of one without rows, its name."""
    return {
        (part.day, part.signal, one.site, one.asset, one.component)
        for part in file.parts
        for one in part.components
    } or {("", "", 0, 0, 0)}
