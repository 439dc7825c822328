"""How far the voltage is from a tight solution, by tolerance, model and protocol.

The same tasks are run with each pair of tolerances and with very tight ones; voltages at
equal times of equal steps are compared. Of a profile the solver stops only where it must,
which is part of what is checked: in the tight run that is nearly everywhere.

    python benchmarks/accuracy.py --tolerances 1e-4/1e-6 1e-5/1e-7
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from battsweep import load_sweep, open_store, plan, run

TIGHT = "1e-8/1e-10"
MODELS = ("SPM", "SPMe", "DFN")
Array = NDArray[np.float64]
Rows = Mapping[tuple[str, str], tuple[Array, Array]]
"""By model and protocol: what marks a row (step, time in it), and its voltage."""

HEAD = """
name = "accuracy"
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPM]
[models.SPMe]
[models.DFN]
[protocols.discharge]
discharge = "1C"
[protocols.fast]
discharge = "2C"
[protocols.cccv]
steps = ["Discharge at 1C until 3 V", "Rest for 10 minutes", "Charge at C/2 until 4.2 V",
         "Hold at 4.2 V until C/20"]
initial_soc = 1.0
"""


def profiles(us06: Path) -> dict[str, tuple[Array, Array]]:
    """Return times and amperes, positive on discharge, of some ways to use a cell."""
    hour, seconds = np.arange(0, 3601.0), np.arange(0, 1801.0)
    random = np.random.default_rng(1)
    driven = np.loadtxt(us06, delimiter=",", comments="#")
    switched = np.where(seconds % 600 < 400, 4.0, -2.0)
    return {
        "smooth": (hour, 2.5 + 2 * np.sin(hour / 300)),
        "pulses": (seconds, np.where(seconds % 400 >= 380, 10.0, 0.5)),
        "measured": (seconds, switched + 0.002 * random.standard_normal(seconds.size)),
        "noise": (seconds, 2.5 + random.standard_normal(seconds.size)),
        "us06": (driven[:, 0], driven[:, 1]),
    }


def write_sweep(folder: Path, tolerances: str, every_s: float) -> Path:
    """Write the sweep file and its profiles."""
    folder.mkdir()
    lines = [HEAD]
    us06 = Path(__file__).parent.parent / "examples/data/us06.csv"
    for name, (times, amperes) in profiles(us06).items():
        rows = (f"{t!r},{i!r}" for t, i in zip(times.tolist(), amperes.tolist(), strict=True))
        (folder / f"{name}.csv").write_text("\n".join(rows))
        lines.append(f'[protocols.{name}]\nprofile = "{name}.csv"\npositive = "discharge"')
        lines.append("initial_soc = 0.6")
    rtol, atol = tolerances.split("/")
    lines.append(f"[output]\nevery = {every_s}\n")
    lines.append(f"[run]\nsolver = {{ rtol = {rtol}, atol = {atol} }}\n")
    path = folder / "sweep.toml"
    path.write_text("\n".join(lines))
    return path


def solved(folder: Path, tolerances: str, every_s: float) -> tuple[Rows, dict[str, float]]:
    """Run the sweep; return its rows, and the solver's steps by model and protocol."""
    progress = run(plan(load_sweep(write_sweep(folder, tolerances, every_s))), folder / "store")
    rows, steps = {}, {}
    with open_store(folder / "store") as store:
        if progress.failed or progress.left:
            raise SystemExit(f"{tolerances}:\n{store.query(FAILED)}")
        for found in store.query(TASKS).to_dict("records"):
            key = found["model"], found["protocol"]
            steps["/".join(key)] = json.loads(found["statistics"])["solver_steps"]
            series = store.series([found["task_id"]])
            time, step, voltage = (series[name].to_numpy() for name in COLUMNS)
            starts = np.flatnonzero(np.diff(step, prepend=-1))
            inside = time - np.repeat(time[starts], np.diff([*starts, len(time)]))
            # A step's last row is where an event was found, at another time in each solution.
            kept = np.delete(np.arange(len(time)), [*(starts[1:] - 1), len(time) - 1])
            rows[key] = (np.column_stack([step, np.round(inside, 6)])[kept], voltage[kept])
    return rows, steps


TASKS = "SELECT task_id, model, protocol, statistics FROM all_tasks"
FAILED = "SELECT model, protocol, message FROM all_tasks WHERE status != 'done'"
COLUMNS = ("test_time_second", "step_index", "voltage_volt")


def largest_error_v(some: tuple[Array, Array], tight: tuple[Array, Array]) -> float:
    """Return the largest difference of two voltages at equal times of equal steps."""
    expected = {tuple(mark): volt for mark, volt in zip(tight[0].tolist(), tight[1], strict=True)}
    errors = [
        abs(volt - expected[tuple(mark)])
        for mark, volt in zip(some[0].tolist(), some[1], strict=True)
        if tuple(mark) in expected
    ]
    if len(errors) < 20:
        raise SystemExit("the solutions share too few times to be compared")
    return float(max(errors))


def main() -> None:
    """Print a table a pair of tolerances: errors in mV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tolerances", nargs="+", default=["1e-4/1e-6", "1e-5/1e-7"])
    parser.add_argument("--every", type=float, default=10.0, help="seconds between rows")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tight, _ = solved(folder / "tight", TIGHT, args.every)
        first: dict[str, float] = {}
        for number, tolerances in enumerate(args.tolerances):
            rows, steps = solved(folder / str(number), tolerances, args.every)
            first = first or steps
            print(f"rtol/atol {tolerances}: largest voltage error in mV (solver's steps, relative)")
            protocols = list(dict.fromkeys(protocol for _, protocol in tight))
            print(f"{'':6}" + "".join(f"{protocol:>17}" for protocol in protocols))
            for model in MODELS:
                cells = []
                for protocol in protocols:
                    key = model, protocol
                    error = 1e3 * largest_error_v(rows[key], tight[key])
                    ratio = steps["/".join(key)] / first["/".join(key)]
                    cells.append(f"{error:9.3f} ({ratio:5.2f})")
                print(f"{model:6}" + "".join(f"{cell:>17}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
