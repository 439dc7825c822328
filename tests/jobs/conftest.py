"""What the tests of this folder share: small sweeps, written to real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Sweep

MakeSweep = Callable[[str], Sweep]


@pytest.fixture
def make_sweep(tmp_path: Path) -> MakeSweep:
    """Return a function that writes a sweep file and loads it."""

    def make(text: str) -> Sweep:
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return load_sweep(path)

    return make
