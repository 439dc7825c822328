"""What a proof says, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

REBUILDING = "its tasks are computed again, each built for itself"


def told(record: Mapping[str, object]) -> str:
    """Return in words how far a result is from a plain simulation."""
    worst = str(record["worst"])
    if not worst:
        return str(record["message"])
    one = cast("Mapping[str, Mapping[str, object]]", record["differences"])[worst]
    return (
        f"{worst} is off by {one['difference']:.3g} {one['unit']},"
        f" of {one['tolerance']:.3g} allowed"
    )
