"""Whether a store's measured cells and telemetry are whole, and how to mend what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from battsweep.errors import StoreError
from battsweep.store.cell_files import HISTORY, cell_folders, generation_folders, verify_generation
from battsweep.store.findings import Finding, rebuild_command
from battsweep.store.index import Index
from battsweep.store.telemetry_documents import DOCUMENT, telemetry_folders, verify_telemetry


def check_measured(store: Path, index: Index, *, deep: bool) -> list[Finding]:
    """Return what is wrong with measured cells and telemetry; with ``deep``, in all bytes."""
    rows = index.connection.execute("SELECT folder, bytes FROM cell_generation").fetchall()
    generations = {
        one.relative_to(store).as_posix(): one
        for folder in cell_folders(store)
        for one in generation_folders(folder)
    }
    files = index.connection.execute("SELECT ingest, document_bytes FROM telemetry_file")
    folders = {folder.name: folder for folder in telemetry_folders(store)}
    return [
        *_held(store, dict(rows), generations, HISTORY, verify_generation, deep=deep),
        *_held(store, dict(files), folders, DOCUMENT, verify_telemetry, deep=deep),
    ]


def _held(
    store: Path,
    known: Mapping[str, int],
    found: Mapping[str, Path],
    document: str,
    verify: Callable[[Path], object],
    *,
    deep: bool,
) -> list[Finding]:
    """Return how folders differ from what the index knows of their documents' sizes."""
    mend = rebuild_command(store)
    findings = [
        Finding("missing", str(store / gone), "the index knows it, but it is gone", mend)
        for gone in sorted(known.keys() - found.keys())
    ]
    for name, folder in found.items():
        try:
            changed = (folder / document).stat().st_size != known.get(name)
            if deep or changed:
                verify(folder)
        except (OSError, StoreError) as error:
            again = f"rm -r {folder} && {mend}  # then ingest its file again"
            findings.append(Finding("damaged", str(folder), str(error), again))
            continue
        if changed:
            findings.append(Finding("unknown", str(folder), "the index does not know it yet", mend))
    return findings
