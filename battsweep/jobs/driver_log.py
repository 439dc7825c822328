"""The driver's own log in a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


class DriverLog:
    """The driver's own log file in a store; a new one each time it runs."""

    def __init__(self, store: Path) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self._file = (store / "logs" / f"driver-{stamp}.log").open("x", encoding="utf-8")

    def __enter__(self) -> DriverLog:
        """Return the open log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def write(self, message: str) -> None:
        """Add a line with the time."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._file.write(f"{now} {message}\n")
        self._file.flush()
