"""What else can do a row of the table, and the solver alone; each in a process of its own.

Reads a request a line (JSON) and answers with one: seconds of CPU a task, seconds of CPU
for what is done once, and the voltage of the first point at a few times. CPU time counts a
peer as if it kept every core busy, and another program's load does not count against it.
Needs PyBaMM only; ``pybop`` where that is asked for.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["PYBAMM_DISABLE_TELEMETRY"] = "true"

import numpy as np
import pybamm
from cases import ALL, ATOL, RTOL, US06, Case

VOLTAGE = "Voltage [V]"
CHECKED = 20
Answer = dict[str, Any]


def solver(**options: Any) -> Any:
    """Return a solver as battsweep's default is."""
    outputs = options.pop("output_variables", None)
    return pybamm.IDAKLUSolver(rtol=RTOL, atol=ATOL, output_variables=outputs, options=options)


def values_of(case: Case, given: dict[str, Any]) -> Any:
    """Return parameter values with the point's, or with inputs."""
    values = pybamm.ParameterValues(case.parameter_set)
    if case.profile:
        times, amperes = drive()
        values["Current function [A]"] = pybamm.Interpolant(times, amperes, pybamm.t)
    values.update(given)
    return values


def drive() -> Any:
    """Return the times and amperes of the drive cycle."""
    return np.loadtxt(US06, delimiter=",", comments="#").T


def simulation(case: Case, given: dict[str, Any], a_solver: Any) -> Any:
    """Return a simulation that is not built yet."""
    model = models()[case.model]()
    submeshes = dict(model.default_submesh_types)
    if case.symbolic and "[input]" in given.values():
        uniform = pybamm.Uniform1DSubMesh
        for domain, mesh in submeshes.items():
            if (mesh.submesh_type if hasattr(mesh, "submesh_type") else mesh) is uniform:
                submeshes[domain] = pybamm.SymbolicUniform1DSubMesh
    return pybamm.Simulation(
        model,
        parameter_values=values_of(case, given),
        experiment=experiment(case),
        solver=a_solver,
        submesh_types=submeshes,
    )


def models() -> dict[str, Any]:
    """Return PyBaMM's models by name."""
    lithium_ion = pybamm.lithium_ion
    return {"SPM": lithium_ion.SPM, "SPMe": lithium_ion.SPMe, "DFN": lithium_ion.DFN}


def experiment(case: Case) -> Any:
    """Return the steps, or None."""
    return pybamm.Experiment([case.steps], period=case.every_s) if case.steps else None


def times_of(case: Case) -> dict[str, Any]:
    """Return when to stop and what to keep; of a profile PyBaMM stops at every point."""
    if case.steps:
        return {"calc_esoh": False}
    grid = np.arange(0, case.end_s + case.every_s / 2, case.every_s)
    return {"t_eval": drive()[0] if case.profile else [0, case.end_s], "t_interp": grid}


def inputs_of(case: Case) -> dict[str, Any]:
    return dict.fromkeys(case.ranges, "[input]")


def at_times(case: Case, solution: Any) -> list[float]:
    """Return the voltage at a few times, to see whether a peer's answer is the same."""
    times, volts = solution["Time [s]"].entries, solution[VOLTAGE].entries
    return [float(v) for v in np.interp(checked_times(case), times, volts)]


def checked_times(case: Case) -> Any:
    return np.linspace(0.02, 0.98, CHECKED) * (1800.0 if case.steps else case.end_s)


def loop(case: Case, count: int, _: int) -> Answer:
    """A plain loop: a fresh simulation a task, its voltage read."""
    spent, volts = [], []
    for point in case.points(count):
        started = time.process_time()
        solution = simulation(case, point, solver()).solve(**times_of(case))
        solution[VOLTAGE].entries  # noqa: B018
        spent.append(time.process_time() - started)
        volts = volts or at_times(case, solution)
    return {"once_s": 0.0, "task_s": float(np.median(spent)), "volts": volts}


def batch_study(case: Case, count: int, _: int) -> Answer:
    """PyBaMM's BatchStudy, over parameter values."""
    started = time.process_time()
    points = case.points(count)
    keys = range(count)
    model = models()[case.model]
    study = pybamm.BatchStudy(
        models={k: model() for k in keys},
        parameter_values={k: values_of(case, points[k]) for k in keys},
        experiments={k: experiment(case) for k in keys} if case.steps else None,
        solvers={k: solver() for k in keys},
    )
    study.solve(**times_of(case))
    for made in study.sims:
        made.solution[VOLTAGE].entries  # noqa: B018
    spent = time.process_time() - started
    return {
        "once_s": 0.0,
        "task_s": spent / count,
        "volts": at_times(case, study.sims[0].solution),
    }


def list_of_inputs(case: Case, count: int, cores: int) -> Answer | None:
    """PyBaMM's own list of inputs with threads, only the voltage computed."""
    if case.steps or not case.inputs:
        return None
    started = time.process_time()
    outputs = [VOLTAGE, "Time [s]"]
    made = simulation(case, inputs_of(case), solver(num_threads=cores, output_variables=outputs))
    points = case.points(count)
    made.solve(inputs=points[:2], **times_of(case))
    built = time.process_time()
    found = made.solve(inputs=points, **times_of(case))
    for solution in found:
        solution[VOLTAGE].entries  # noqa: B018
    ended = time.process_time()
    return {
        "once_s": built - started,
        "task_s": (ended - built) / count,
        "volts": at_times(case, found[0]),
    }


def pybop_evaluator(case: Case, count: int, cores: int) -> Answer | None:
    """PyBOP's simulator, which its problems evaluate with; tolerances as ours."""
    if not case.inputs:
        return None
    import pybop

    started = time.process_time()
    values = pybamm.ParameterValues(case.parameter_set)
    values.update(inputs_of(case))
    protocol = experiment(case)
    if case.profile:
        times, amperes = drive()
        protocol = pybop.Dataset({"Time [s]": times, "Current [A]": amperes})
    elif protocol is None:
        protocol = times_of(case)["t_interp"]
    simulator = pybop.pybamm.Simulator(
        models()[case.model](),
        parameter_values=values,
        protocol=protocol,
        solver=solver(num_threads=cores),
        output_variables=[VOLTAGE, "Time [s]"],
    )
    points = case.points(count)
    simulator.solve(points[:2])
    built = time.process_time()
    found = simulator.solve(points)
    for solution in found:
        solution[VOLTAGE].data  # noqa: B018
    ended = time.process_time()
    try:
        volts = at_times(case, found[0])
    except (AttributeError, KeyError, IndexError):
        return None  # PyBOP's own "failed solution"
    return {"once_s": built - started, "task_s": (ended - built) / count, "volts": volts}


def limit(case: Case, count: int, _: int, *, compiled: bool = True) -> Answer:
    """The time that the C++ solver reports, by the share of CPU that this process got."""
    outputs = [] if case.steps else [VOLTAGE, "Current [A]"]
    fresh = not case.inputs  # each is built with its values; compiling each would not pay
    options = {"compile": True} if compiled and not fresh else {}
    made = simulation(case, inputs_of(case), solver(output_variables=outputs, **options))
    points = case.points(count)
    if not fresh:
        made.solve(inputs=points[0], **times_of(case))
    spent = []
    for point in points:
        if fresh:
            made = simulation(case, point, solver(output_variables=outputs))
            made.solve(**times_of(case))  # what is set up at the first solve is no limit
        before = time.process_time(), time.perf_counter()
        solution = made.solve(**({} if fresh else {"inputs": point}), **times_of(case))
        cpu, wall = time.process_time() - before[0], time.perf_counter() - before[1]
        spent.append(float(solution.integration_time.value) * min(1.0, cpu / wall))
    return {"once_s": 0.0, "task_s": float(np.median(spent)), "volts": []}


def limit_uncompiled(case: Case, count: int, cores: int) -> Answer:
    """The same, in CasADi's virtual machine."""
    return limit(case, count, cores, compiled=False)


KINDS: dict[str, Callable[[Case, int, int], Answer | None]] = {
    "limit": limit,
    "limit, VM": limit_uncompiled,
    "plain loop": loop,
    "BatchStudy": batch_study,
    "list of inputs": list_of_inputs,
    "PyBOP": pybop_evaluator,
}


def main() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others print is no answer
    pybamm.set_logging_level("CRITICAL")
    cases = {case.name: case for case in ALL}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = KINDS[asked["kind"]](cases[asked["case"]], asked["count"], asked["cores"])
        except Exception as error:  # a peer that cannot is a result
            print(f"{asked['kind']}, {asked['case']}: {error!r}", file=sys.stderr)
            answer = None
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
