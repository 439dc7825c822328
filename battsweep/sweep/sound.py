"""What is sound of a faulty sweep, so that its other faults can be found as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from battsweep.sweep.faults import Faults, toml_key
from battsweep.sweep.placeholders import names_anywhere, placeholders
from battsweep.sweep.spec import NO_AXIS, Axis, Sweep


def sound_part(sweep: Sweep, document: Mapping[str, object], faults: Faults) -> Sweep:
    """Return a sweep without what is faulty, and without what that would make faulty.

    No fault may come of what is left out: a name that only a faulty protocol
    notices is not varied, and a protocol that a faulty axis or condition
    touches is not there. Axes keep their numbers; cells, models and protocols
    may be none at all.
    """
    sound = not faults.under("cells", "models", "protocols", "axes", "exclude")
    fit = None if faults.under("fit", "measured", "protocols", "cells") else sweep.fit
    axes = [
        NO_AXIS if faults.under(f"axes.{number}") else axis
        for number, axis in enumerate(sweep.axes)
    ]
    # A condition that cannot be kept might have left out any value.
    trusted = sound or "exclude" not in document
    varied = _names(axes) if trusted else frozenset()
    protocols = tuple(
        protocol
        for protocol in sweep.protocols
        if not faults.under(f"protocols.{protocol.name}")
        and (fit is not None or placeholders(protocol) <= varied)
    )
    noticed = frozenset().union(*map(placeholders, protocols))
    unclear = names_anywhere(document.get("protocols")) - noticed
    if faults.under("protocols"):
        # No parameter is a single word; a faulty protocol may have meant it.
        unclear |= {name for name in _names(axes) - noticed if toml_key(name) == name}
    return replace(
        sweep,
        cells=tuple(
            cell for cell in sweep.cells if not faults.under(f"cells.{cell.name}.parameter_set")
        ),
        models=tuple(model for model in sweep.models if not faults.under(f"models.{model.name}")),
        protocols=protocols,
        axes=tuple(_without(axis, unclear) for axis in axes),
        exclude=sweep.exclude if sound else (),
        measured=sweep.measured
        if fit is not None or (sound and not faults.under("measured"))
        else (),
        fit=fit,
    )


def _names(axes: Iterable[Axis]) -> frozenset[str]:
    return frozenset(name for axis in axes for name in axis.names)


def _without(axis: Axis, names: Set[str]) -> Axis:
    columns = [column for column, name in enumerate(axis.names) if name not in names]
    if not columns:
        return NO_AXIS
    kept = tuple(axis.names[column] for column in columns)
    return Axis(kept, tuple(tuple(row[column] for column in columns) for row in axis.rows))
