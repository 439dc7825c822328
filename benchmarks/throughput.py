"""1,000 SPMe discharges, stored, against a plain loop of fresh simulations, in one run.

Ratios, not times, are what to read: both sides share the machine and its noise. The loop
is measured on a sample before and after battsweep's run, and the median taken.

    python benchmarks/throughput.py --tasks 1000 --workers 2
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from battsweep import load_sweep, open_store, plan, run
from battsweep.jobs.physics import import_pybamm

NAME = "Negative particle diffusivity [m2.s-1]"
LOW, HIGH = 2e-14, 6e-14
EVERY_S = 36.0  # 100 points of a 1C discharge
SWEEP = f"""
name = "throughput"
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPMe]
[protocols.discharge]
discharge = "1C"
[[axes]]
"{NAME}" = {{ from = {LOW}, to = {HIGH}, points = TASKS }}
[output]
every = {EVERY_S}
"""


def plain(value: float) -> float:
    """Return the seconds of CPU that one fresh simulation takes, its voltage read."""
    pybamm = import_pybamm()
    import numpy as np

    started = time.process_time()
    values = pybamm.ParameterValues("Chen2020")
    values[NAME] = value
    model = pybamm.lithium_ion.SPMe()
    solver = pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
    simulation = pybamm.Simulation(model, parameter_values=values, solver=solver)
    end = 5 * 3600.0
    solution = simulation.solve([0, end], t_interp=np.arange(0, end, EVERY_S))
    solution["Voltage [V]"].entries  # noqa: B018
    return time.process_time() - started


def sample(count: int) -> list[float]:
    """Return the CPU seconds of some fresh simulations over the varied range."""
    return [plain(LOW + (HIGH - LOW) * k / max(1, count - 1)) for k in range(count)]


def swept(tasks: int, workers: int, folder: Path) -> dict[str, float]:
    """Run the sweep; return its times in seconds."""
    path = folder / "sweep.toml"
    path.write_text(SWEEP.replace("TASKS", str(tasks)))
    started = time.perf_counter()
    made = plan(load_sweep(path))
    planned = time.perf_counter()
    seen: list[tuple[float, int]] = []
    progress = run(
        made,
        folder / "store",
        workers=workers,
        on_progress=lambda p: seen.append((time.perf_counter(), p.done)),
    )
    ended = time.perf_counter()
    if progress.done != tasks:
        raise SystemExit(f"{progress.failed} tasks failed, {progress.left} are left")
    with open_store(folder / "store") as store:
        statistics_ = [json.loads(text) for text in store.query(STATISTICS)["statistics"]]
    return {
        "plan": planned - started,
        "whole": ended - started,
        "steady": steady_seconds_a_task(seen),
        "solver": sum(s["integration_s"] for s in statistics_),
        "solve": sum(s["solve_s"] for s in statistics_),
    }


STATISTICS = "SELECT statistics FROM all_tasks"


def steady_seconds_a_task(seen: list[tuple[float, int]]) -> float:
    """Return the seconds a task from the first chunk that came back to the last.

    With a few hundred tasks, too many are in flight at the first moment for
    this to mean much.
    """
    moments = [(at, done) for at, done in seen if done]
    (first, before), (last, after) = moments[0], moments[-1]
    return (last - first) / (after - before)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, default=20, help="fresh simulations, twice")
    args = parser.parse_args()

    plain(LOW)  # what is loaded at first use is not counted
    loop = sample(args.sample)
    with tempfile.TemporaryDirectory() as folder:
        times = swept(args.tasks, args.workers, Path(folder))
    loop += sample(args.sample)

    a_plain = statistics.median(loop)
    cores = args.workers
    print(f"{args.tasks} SPMe 1C discharges, {cores} workers, stored; loop: {len(loop)} samples")
    print(f"{'':34}{'core ms/task':>14}{'times the loop':>16}")
    print(f"{'plain loop of fresh simulations':34}{1e3 * a_plain:>14.1f}{1:>16.1f}")
    rows = {
        "battsweep, whole run from nothing": times["whole"] * cores / args.tasks,
        "battsweep, once workers deliver": times["steady"] * cores,
        "PyBaMM's solve of a built model": times["solve"] / args.tasks,
        "the solver alone (C++)": times["solver"] / args.tasks,
    }
    for label, a_task in rows.items():
        print(f"{label:34}{1e3 * a_task:>14.2f}{a_plain / a_task:>16.1f}")
    steady = times["steady"] * cores * args.tasks
    print(f"share of the workers' time in the solver (C++): {100 * times['solver'] / steady:.0f} %")
    print(f"share in PyBaMM's solve, C++ included:          {100 * times['solve'] / steady:.0f} %")
    whole = times["whole"] * cores
    print(f"share of the whole run's time in the solver:    {100 * times['solver'] / whole:.0f} %")
    print(f"whole run {times['whole']:.1f} s, of it planning {times['plan']:.1f} s")


if __name__ == "__main__":
    main()
