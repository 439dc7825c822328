"""A recipe: what a measured file does not say of itself, written by a person in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from battsweep.errors import DataError

Unit = Annotated[str, Field(min_length=1)]
ColumnName = str | Annotated[int, Field(ge=0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RecipeColumns(_Table):
    """``[columns]``: which column is what, by its name or by its number from 0."""

    time: ColumnName | None = None
    date: ColumnName | None = None
    voltage: ColumnName | None = None
    current: ColumnName | None = None
    temperature: ColumnName | None = None
    ambient: ColumnName | None = None
    cycle: ColumnName | None = None
    step: ColumnName | None = None
    state: ColumnName | None = None
    cell: ColumnName | None = None


class RecipeUnits(_Table):
    """``[units]``: units that the names of the columns do not say."""

    time: Unit | None = None
    voltage: Unit | None = None
    current: Unit | None = None
    temperature: Unit | None = None


class Recipe(_Table):
    """How to read files that cannot be read by what they say of themselves.

    ``date_format`` is as Python's ``strptime`` wants it. ``skip_rows`` are the
    lines before the one with the names, or before the numbers where ``header``
    is false. ``cleaning`` is for `battsweep.data.clean`.
    """

    format: str | None = None
    cell: str | None = None
    nominal_capacity: Annotated[float, Field(gt=0)] | None = None
    sign: Literal["charge positive", "discharge positive", "unsigned"] | None = None
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    skip_rows: Annotated[int, Field(ge=0)] | None = None
    header: bool = True
    date_format: str | None = None
    sheet: str | None = None
    columns: RecipeColumns = RecipeColumns()
    units: RecipeUnits = RecipeUnits()
    cleaning: dict[str, object] = {}


def load_recipe(path: Path) -> Recipe:
    """Return the recipe in a file.

    Raises
    ------
    DataError
        If it cannot be read, or says what no recipe says; with each place.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(found)
    except ValidationError as error:
        told = (
            f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}, not {one['input']!r}"
            for one in error.errors()
        )
        raise DataError("\n".join(told)) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: is no recipe that can be read: {error}") from error
