"""Lengths as inputs: meshes made of symbols instead of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from battsweep.jobs.physics import import_pybamm, make_model, mesh_points, parameter_values
from battsweep.sweep.spec import Cell, Model

COLLECTOR = "current collector"
"""Its mesh may have tabs, for which PyBaMM has no symbolic mesh."""


def submesh_types(model: Model, pybamm_model: Any) -> dict[str, Any]:
    """Return the mesh type a domain: PyBaMM's defaults, or uniform ones made of symbols."""
    pybamm = import_pybamm()
    types = dict(pybamm_model.default_submesh_types)
    if model.geometry != "symbolic":
        return types
    return {
        domain: pybamm.SymbolicUniform1DSubMesh
        if domain != COLLECTOR and _is_uniform(kind)
        else kind
        for domain, kind in types.items()
    }


def _is_uniform(kind: Any) -> bool:
    pybamm = import_pybamm()
    return (kind.submesh_type if isinstance(kind, pybamm.MeshGenerator) else kind) is (
        pybamm.Uniform1DSubMesh
    )


def cannot_be_symbolic(model: Model, cell: Cell, lengths: Sequence[str]) -> str | None:
    """Build a model with lengths as inputs; return what PyBaMM says against it, or None."""
    pybamm = import_pybamm()
    made = make_model(model)
    values = parameter_values(cell)
    given = {name: values[name] for name in lengths}
    values.update(dict.fromkeys(lengths, "[input]"))
    simulation = pybamm.Simulation(
        made,
        parameter_values=values,
        submesh_types=submesh_types(model, made),
        var_pts=mesh_points(model, made),
    )
    try:
        simulation.build(inputs=given)
    except Exception as error:  # PyBaMM raises many kinds
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return None
