"""What the store says of each ingested file of telemetry, and which of them count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from battsweep.data.cell import RuleCount, SourceFile
from battsweep.data.telemetry.reading import Kind
from battsweep.errors import StoreError
from battsweep.store.files import make_folder
from battsweep.store.json_text import plain, to_json
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
    """Return a document as JSON text that covers itself with a sha256."""
    content = plain(asdict(file))
    head = {"format": "battsweep-telemetry", "schema_version": SCHEMA_VERSION}
    return json.dumps(
        head | {"file": content, "sha256": _digest(content)}, ensure_ascii=False
    ).encode()


def decode_document(data: bytes) -> TelemetryFile:
    """Return what `encode_document` wrote; a ValueError or the like if it is damaged."""
    document = json.loads(data)
    if int(document["schema_version"]) > SCHEMA_VERSION:
        raise ValueError(f"schema_version {document['schema_version']} is newer; install that")
    content: Mapping[str, Any] = document["file"]
    if _digest(content) != document["sha256"]:
        raise ValueError("its content is not what was written")
    parts = tuple(
        StoredPart(**{**one, "components": tuple(ComponentRows(**c) for c in one["components"])})
        for one in content["parts"]
    )
    rules = tuple(RuleCount(**one) for one in content["rules"])
    source = SourceFile(**content["source"])
    return TelemetryFile(**{**content, "parts": parts, "rules": rules, "source": source})


def telemetry_folders(store: Path) -> list[Path]:
    """Return the folders of all ingested files, those that count no more too, sorted."""
    root = telemetry_folder(store)
    found = [*root.glob("*"), *(root / _SUPERSEDED).glob("*")]
    others = (_SUPERSEDED, STAGING)
    folders = [path for path in found if path.is_dir() and path.name not in others]
    return sorted(folders, key=lambda path: path.name)


def telemetry_files(store: Path, name: str | None = None) -> dict[str, TelemetryFile]:
    """Return the documents of all ingested files, or of those of a name, by their folders.

    Raises
    ------
    StoreError
        If one is damaged.
    """
    found = {}
    for folder in telemetry_folders(store):
        if name is not None and not folder.name.startswith(f"{file_name(name)}-"):
            continue  # a folder has its file's name, and there may be thousands
        try:
            found[folder.name] = read_document(folder)
        except StoreError:
            if (moved := place_of(store, folder.name)) == folder:
                raise
            found[folder.name] = read_document(moved)  # another ingest moved it just now
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


def _digest(content: object) -> str:
    return sha256(to_json(content).encode()).hexdigest()
