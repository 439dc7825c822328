"""The tables of a sweep file whose keys are fixed, and what is said when one is wrong."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StrictBool
from pydantic import ValidationError as PydanticError

from battsweep.sweep.faults import Faults, shown, suggestion
from battsweep.sweep.quantities import bytes_of, is_number, parse_current, seconds
from battsweep.sweep.spec import Scalar
from battsweep.sweep.summaries import Summary, parse_summary

T = TypeVar("T", bound="Table")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHORTEST_S = 1e-3
_ONE_PLACEHOLDER = re.compile(r"\{[^{}]+\}")


class Table(BaseModel):
    """A table of the file: known keys only, numbers finite, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def check(table: type[T], value: object, place: str, faults: Faults) -> T | None:
    """Return a table's checked values, or None after noting every fault in it."""
    if not isinstance(value, dict):
        faults.add(place, f"{shown(value)}: must be a table")
        return None
    try:
        return table.model_validate(value)
    except PydanticError as error:
        known = [field.alias or name for name, field in table.model_fields.items()]
        for problem in error.errors(include_url=False):
            where = ".".join([place, *map(str, problem["loc"])]).removeprefix(".")
            faults.add(where, _message(dict(problem), known))
        return None


def check_rest(table: type[T], value: object, place: str, faults: Faults) -> T | None:
    """Return a table's values without those keys at which faults were noted, or None."""
    if not isinstance(value, dict):
        return None
    rest = {key: item for key, item in value.items() if not faults.under(f"{place}.{key}")}
    return check(table, rest, place, Faults(faults.file))


def _message(problem: dict[str, Any], known: list[str]) -> str:
    kind, given = problem["type"], shown(problem["input"])
    if kind == "extra_forbidden":
        return f"not a known key{suggestion(str(problem['loc'][-1]), known)}"
    if kind == "missing":
        return "missing; it must be given"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    text = str(problem["msg"]).replace("Input should be", "must be")
    text = (
        text.replace("a valid dictionary", "a table")
        .replace("a valid integer", "a whole number")
        .replace("a valid ", "a ")
    )
    if kind == "too_short":
        text = "must not be empty"
    if kind == "literal_error" and isinstance(problem["input"], str):
        text += suggestion(problem["input"], re.findall(r"'([^']*)'", text))
    return f"{given}: {text}"


def _folder_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{shown(value)}: it names a folder: write up to 100 of a-z A-Z 0-9 . _ - "
            "and begin with a letter or digit"
        )
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"{shown(value)}: must be a text of printable characters in quotes")
    return value


def _scalar(value: object) -> Scalar:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float) and is_number(value):
        return float(value)
    raise ValueError(f"{shown(value)}: must be a finite number or a text")


def _option(value: object) -> object:
    if isinstance(value, list):
        return tuple(_option(item) for item in value)
    if isinstance(value, bool | str) or (value != [] and is_number(value)):
        return value
    raise ValueError(f"{shown(value)}: must be a text, a finite number, a boolean or a list")


def _soc(value: object) -> Scalar:
    if isinstance(value, str) and (_ONE_PLACEHOLDER.fullmatch(value) or value in ("rest", "fit")):
        return value
    if isinstance(value, int | float) and is_number(value) and 0 <= value <= 1:
        return float(value)
    raise ValueError(f"{shown(value)}: must be a number from 0 to 1, or one '{{placeholder}}'")


def _current(value: object) -> str:
    if isinstance(value, int | float) and is_number(value):
        value = f"{float(value)!r}C"
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)}: must be a current such as '1C' or '2 A', or a C-rate")
    if "{" not in value:
        parse_current(value)
    return value


def _column(value: object) -> str | int:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000:
        return value
    raise ValueError(f"{shown(value)}: must be a column's name, or its number from 0")


def _every(value: object) -> float | Literal["solver"]:
    if value == "solver":
        return "solver"
    every = seconds(value)
    if every < _SHORTEST_S:
        raise ValueError(f"{shown(value)}: must be at least 1 ms; write '1 s' or 'solver'")
    return every


def _summary(value: object) -> Summary:
    return parse_summary(_text(value))


def _cycles(value: object) -> Literal["all", "none"] | int | tuple[int, ...]:
    """Read ``series_cycles``."""
    if value == "all" or value == "none":
        return "all" if value == "all" else "none"
    if isinstance(value, dict) and list(value) == ["every"] and _is_count(value["every"]):
        return int(value["every"])
    if isinstance(value, list) and value and all(map(_is_count, value)):
        return tuple(sorted(set(value)))
    raise ValueError(
        f'{shown(value)}: must be "all", "none", cycle numbers such as [1, 10, 100], '
        "or { every = 50 }"
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _distinct(values: object) -> object:
    if isinstance(values, list):
        twice = [value for number, value in enumerate(values) if value in values[:number]]
        if twice:
            raise ValueError(f"{shown(twice[0])}: stands there twice; delete one")
    return values


Text = Annotated[str, PlainValidator(_text)]
Texts = Annotated[list[Text], Field(min_length=1)]
Distinct = Annotated[Texts, BeforeValidator(_distinct)]
Duration = Annotated[float, PlainValidator(seconds)]
Memory = Annotated[int, PlainValidator(bytes_of)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Tolerance = Annotated[float, Field(gt=0, lt=0.1)]
Scale = Literal["linear", "log"]


class HeadTable(Table):
    """The keys above all tables."""

    name: Annotated[str, PlainValidator(_folder_name)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class CellTable(Table):
    """``[cells.X]``."""

    parameter_set: Text
    overrides: dict[str, float] = {}
    measured: Text | None = None
    scale_capacity: bool = False


class ModelTable(Table):
    """``[models.X]``."""

    type: Text | None = None
    options: dict[str, Annotated[object, PlainValidator(_option)]] = {}
    mesh: dict[str, Annotated[int, Field(ge=3, le=10**6)]] = {}
    geometry: Literal["symbolic", "rebuild"] | None = None


class ReplayTable(Table):
    """``measured`` of a protocol: which cycles, and their current or their steps."""

    cycles: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] | Literal["all"]
    as_: Literal["current", "steps"] = Field("current", alias="as")


class ProtocolTable(Table):
    """``[protocols.X]``; which keys go together is checked by its reader."""

    steps: Texts | None = None
    cycles: Annotated[int, Field(ge=1, le=100_000)] = 1
    discharge: Annotated[str, PlainValidator(_current)] | None = None
    charge: Annotated[str, PlainValidator(_current)] | None = None
    duration: Duration | None = None
    profile: Text | None = None
    measured: ReplayTable | None = None
    quantity: Literal["current", "power"] = "current"
    unit: Literal["A", "mA", "W", "kW"] | None = None
    positive: Literal["charge", "discharge"] | None = None
    scale: float = 1.0
    time_column: Annotated[str | int, PlainValidator(_column)] = 0
    value_column: Annotated[str | int, PlainValidator(_column)] = 1
    initial_soc: Annotated[Scalar, PlainValidator(_soc)] | None = None


class BoundsTable(Table):
    """``{from, to, scale}``, of a sampled or a free quantity."""

    low: float = Field(alias="from")
    high: float = Field(alias="to")
    scale: Scale = "linear"

    def faults(self) -> list[str]:
        """Return what is wrong between the keys."""
        found = []
        if not self.low < self.high:
            found.append(f"from {self.low!r} to {self.high!r}: from must be less than to")
        if self.scale == "log" and self.low <= 0:
            found.append(f"from {self.low!r}: a log scale needs numbers above 0")
        if not math.isfinite(self.high - self.low):
            found.append(f"from {self.low!r} to {self.high!r}: too far apart for a computer")
        return found


class RangeTable(BoundsTable):
    """``{from, to, points, scale}``, of a range on an axis."""

    points: Annotated[int, Field(ge=2, le=10**9)]


class SampledTable(BoundsTable):
    """``{from, to, scale, base}``, of a quantity of a sampled axis."""

    base: float | None = None

    def faults(self) -> list[str]:
        """Return what is wrong between the keys."""
        found = super().faults()
        if self.base is not None and not self.low <= self.base <= self.high:
            found.append(f"base {self.base!r}: must lie between from and to")
        return found


class SampleTable(Table):
    """``sample = {method, points}``."""

    method: Literal["random", "latin-hypercube", "sobol", "one-at-a-time", "grid"]
    points: Count


class ExcludeTable(Table):
    """``[[exclude]]``."""

    when: Text


class MeasuredTable(Table):
    """``[[measured]]``."""

    cell: Text
    protocol: Text
    at: dict[str, Annotated[Scalar, PlainValidator(_scalar)]] = {}
    file: Text
    name: Text | None = None


class OutputTable(Table):
    """``[output]``."""

    series: Distinct = ["Voltage [V]", "Current [A]"]
    every: Annotated[float | Literal["solver"], PlainValidator(_every)] | None = None
    points: Annotated[int, Field(ge=2, le=10**7)] | None = None
    summary: list[Annotated[Summary, PlainValidator(_summary)]] = []
    series_cycles: Annotated[
        Literal["all", "none"] | int | tuple[int, ...], PlainValidator(_cycles)
    ] = "all"


class RunTable(Table):
    """``[run]``; ``solver`` is a table of its own."""

    time_limit: Duration = 600.0
    format: Literal["parquet", "hdf5"] = "parquet"
    max_tasks: Annotated[int, Field(ge=1, le=10**7)] = 100_000
    proof: Literal["none", "sample", "all"] = "sample"
    memory_limit: Memory | None = None
    retry_ladder: bool = True
    checkpoint: Annotated[int, Field(ge=1, le=10**6)] = 10
    compile: Literal["auto"] | StrictBool = "auto"
    solver: object = None


class SolverTable(Table):
    """``[run.solver]``."""

    rtol: Tolerance = 1e-5
    atol: Tolerance = 1e-6


class FitTable(Table):
    """``[fit]``; each of ``parameters`` is a `BoundsTable`."""

    parameters: Annotated[dict[str, object], Field(min_length=1)]
    data: Distinct
    hold_out: Annotated[list[Text], BeforeValidator(_distinct)] = []
    population: Annotated[int, Field(ge=4, le=10**6)] = 10
    generations: Count = 20
    tolerance: Annotated[float, Field(ge=0)] = 1e-3
