"""What a sweep file says, checked and frozen: the values every later part reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LABELS = ("cell", "model", "protocol")
"""What every task has beside its varied values; no axis may have such a name."""

Scalar = float | str
"""A value an axis can take: a number, or a word for a placeholder in a step."""


@dataclass(frozen=True, slots=True)
class Source:
    """A function in a user's Python file; ``text`` is the whole file as it was read.

    ``file`` is as the sweep file names it.
    """

    file: str
    function: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: a parameter set and what is overridden in it.

    ``measured`` is the name of a measured cell in the store. With ``scale_capacity`` the
    electrodes' area is scaled until the cell has the measured one's capacity.

    ``parameter_set`` is the name of a PyBaMM set, or the absolute path of a
    BPX file or of a JSON file of parameter values, or "my_set.py:make"; then
    ``source`` is that function.
    """

    name: str
    parameter_set: str
    overrides: Mapping[str, float] = field(default_factory=dict)
    source: Source | None = None
    measured: str | None = None
    scale_capacity: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A PyBaMM lithium-ion model: its class, options and mesh points a domain.

    ``geometry`` is "symbolic" where its mesh is made of symbols, so that one
    build serves all lengths; "rebuild" with PyBaMM's own mesh; None where
    that is decided by what is varied. ``type`` is the name of a class, or
    "my_model.py:make"; then ``source`` is that function.
    """

    name: str
    type: str
    options: Mapping[str, object] = field(default_factory=dict)
    mesh: Mapping[str, int] = field(default_factory=dict)
    geometry: Literal["symbolic", "rebuild"] | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Current or power against time, from a file.

    ``values`` are in A or W, positive on charge; ``times_s`` starts at 0 and
    increases. Both have the same length.
    """

    quantity: Literal["current", "power"]
    times_s: tuple[float, ...]
    values: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A measured cycle of a cell as a protocol: its current, or the steps that it shows.

    ``initial_soc`` is None while it is to be found: from ``rest_voltage_v``, the
    open-circuit voltage before the cycle, or by a fit where that is None too.
    ``discharge_ah`` is what the cycle discharged; ``from_full`` whether that began at
    its start, and not after a charge. ``told`` says how it was made.
    """

    cell: str
    cycle: int
    profile: Profile | None
    steps: tuple[str, ...]
    initial_soc: float | None
    rest_voltage_v: float | None
    discharge_ah: float
    from_full: bool
    told: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is done to a cell; text may hold ``{placeholders}`` until a task fills them.

    kind "steps": ``steps`` (PyBaMM's experiment language), done ``cycles`` times.
    kind "constant": ``current`` such as "{rate}C" or "2 A", in ``direction``,
    until the model's own voltage cut-off or ``duration_s``.
    kind "profile": ``profile``.
    ``initial_soc`` is None where the parameter set's own initial state is kept.
    With ``replays`` it does what was measured, another thing for each cell and cycle;
    its own profile or steps are then those of the first.
    """

    name: str
    kind: Literal["steps", "constant", "profile"]
    steps: tuple[str, ...] = ()
    cycles: int = 1
    current: str = ""
    direction: Literal["charge", "discharge"] = "discharge"
    duration_s: float | None = None
    profile: Profile | None = None
    initial_soc: Scalar | None = None
    replays: tuple[Replay, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """One varied quantity, or several that move together: a row of values a point."""

    names: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]


NO_AXIS = Axis((), ((),))
"""An axis that varies nothing; keeps the others' numbers where one is wrong."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is kept of a task.

    Exactly one of ``every_s``, ``points`` and ``solver_times`` is set.
    ``points`` are spread evenly over each step. ``series_cycles`` says of which
    cycles of steps the rows are kept: of all, of none, of every so many (with
    the first and the last), or of those numbers.
    """

    series: tuple[str, ...] = ("Voltage [V]", "Current [A]")
    every_s: float | None = None
    points: int | None = None
    solver_times: bool = False
    summary: tuple[str, ...] = ()
    series_cycles: Literal["all", "none"] | int | tuple[int, ...] = "all"


@dataclass(frozen=True, slots=True)
class Run:
    """How tasks are computed. ``rtol`` and ``atol`` are part of a task's identity.

    ``memory_limit_bytes`` is None where each worker may have its share of the machine's.
    A task of more than ``checkpoint`` cycles is solved, and saved, so many at a time.
    ``compile`` is None where it is for the plan to say which models repay it.
    """

    time_limit_s: float = 600.0
    format: Literal["parquet", "hdf5"] = "parquet"
    rtol: float = 1e-5
    atol: float = 1e-6
    max_tasks: int = 100_000
    proof: Literal["none", "sample", "all"] = "sample"
    memory_limit_bytes: int | None = None
    retry_ladder: bool = True
    checkpoint: int = 10
    compile: bool | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured discharge or charge that simulated voltages are held against.

    It belongs to the tasks of ``cell`` and ``protocol`` whose varied values
    include ``at``. Arrays as in `Profile`; ``current_a`` is positive on charge;
    ``kinds`` are the kinds of steps that the points belong to, where that is known.
    """

    name: str
    cell: str
    protocol: str
    at: Mapping[str, Scalar]
    times_s: tuple[float, ...]
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    source: str
    sha256: str
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Free:
    """A parameter that a fit is free to choose between two bounds."""

    name: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit of some parameters to measured curves, by differential evolution.

    ``data`` and ``hold_out`` are names of `Measured` curves. The objective is
    the root of the mean squared voltage error over the time of all ``data``.
    """

    free: tuple[Free, ...]
    data: tuple[str, ...]
    hold_out: tuple[str, ...] = ()
    population: int = 10
    generations: int = 20
    tolerance: float = 1e-3


@dataclass(frozen=True, slots=True)
class Sweep:
    """A whole sweep file. ``text`` is the file as given, ``path`` where it was."""

    name: str
    path: Path
    text: str
    seed: int
    cells: tuple[Cell, ...]
    models: tuple[Model, ...]
    protocols: tuple[Protocol, ...]
    axes: tuple[Axis, ...] = ()
    exclude: tuple[str, ...] = ()
    output: Output = field(default_factory=Output)
    run: Run = field(default_factory=Run)
    measured: tuple[Measured, ...] = ()
    fit: Fit | None = None
