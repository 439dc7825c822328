"""Ingested files of telemetry into the index's tables, from their files alone."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple
from pathlib import Path

from battsweep.errors import StoreError
from battsweep.store.connect import transaction
from battsweep.store.json_text import to_json
from battsweep.store.telemetry_documents import (
    DOCUMENT,
    TelemetryFile,
    is_aside,
    live_files,
    read_document,
    telemetry_folders,
    verify_telemetry,
)


def reconcile_telemetry(connection: sqlite3.Connection, store: Path) -> tuple[int, list[str]]:
    """Make the index agree with the files; return how many changed, and what is damaged.

    Which files count is worked out anew from all of them, so their order makes
    no difference.
    """
    query = "SELECT ingest, document_bytes FROM telemetry_file"
    known = dict(connection.execute(query).fetchall())
    found = {folder.name: folder for folder in telemetry_folders(store)}
    problems = []
    new: dict[str, TelemetryFile] = {}
    gone = known.keys() - found.keys()
    for name, folder in found.items():
        try:
            if known.get(name) != _size(folder):
                gone |= {name} & known.keys()
                new[name] = verify_telemetry(folder)
        except StoreError as error:
            problems.append(str(error))
    if not gone and not new:
        return 0, problems
    files = dict(new)
    for name in sorted(known.keys() - gone):
        try:
            files[name] = read_document(found[name])
        except StoreError as error:
            problems.append(str(error))
    in_place = [file for name, file in files.items() if not is_aside(found[name])]
    live = {file.ingest for file in live_files(in_place)}
    with transaction(connection):
        for name in sorted(gone):
            connection.execute("DELETE FROM telemetry_file WHERE ingest = ?", (name,))
        for name, file in new.items():
            _insert(connection, file, _size(found[name]))
        connection.execute(
            "UPDATE telemetry_file SET state = CASE WHEN ingest IN "
            "(SELECT value FROM json_each(?)) THEN 'live' ELSE 'superseded' END",
            (to_json(sorted(live)),),
        )
    return len(gone | new.keys()), problems


def _size(folder: Path) -> int:
    document = folder / DOCUMENT
    return document.stat().st_size if document.is_file() else -1


def _insert(connection: sqlite3.Connection, file: TelemetryFile, document_bytes: int) -> None:
    source = file.source
    connection.execute(
        "INSERT INTO telemetry_file VALUES (?, ?, ?, ?, ?, ?, 'superseded', ?, ?, ?)",
        (
            file.ingest,
            source.name,
            file.kind,
            source.bytes,
            source.sha256,
            document_bytes,
            file.created_utc,
            file.rows_read,
            file.rows,
        ),
    )
    connection.executemany(
        "INSERT INTO telemetry_part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file.ingest, p.path, p.day, p.signal, p.rows, p.bytes, p.sha256, p.first_ms, p.last_ms)
            for p in file.parts
        ],
    )
    connection.executemany(
        "INSERT INTO telemetry_component VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file.ingest, part.day, part.signal, *astuple(c))
            for part in file.parts
            for c in part.components
        ],
    )
    connection.executemany(
        "INSERT INTO telemetry_rule VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (file.ingest, r.rule, to_json(r.parameters), r.found, r.changed, r.dropped, r.told)
            for r in file.rules
        ],
    )
