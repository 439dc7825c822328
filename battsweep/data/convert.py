"""Between PyBaMM's signs and names and those on disk; the one place that flips a sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from battsweep.data.columns import CURRENT, column_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def from_pybamm(variables: Mapping[str, Array]) -> dict[str, Array]:
    """Return PyBaMM's variables under their column names, current positive on charge."""
    columns = {column_for(name).name: values for name, values in variables.items()}
    if CURRENT.name in columns:
        columns[CURRENT.name] = -columns[CURRENT.name] + 0.0  # + 0.0 turns -0.0 into 0.0
    return columns
