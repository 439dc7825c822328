"""An ageing task of 300 cycles, killed five times at random, against one left alone.

Driver, worker and solving process are killed (SIGKILL) after a random number of saved
cycles; the same command goes on. Every row and every cycle's numbers must be equal bit
for bit to the undisturbed run's and, with ``--plain``, to one plain PyBaMM solve.

    python benchmarks/ageing.py --cycles 300 --kills 5 --seed 1
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from battsweep import open_store
from battsweep.store.checkpoints import standings

SWEEP = """
name = "ageing"
[cells.LGM50]
parameter_set = "OKane2022"
[models.SPM]
options = OPTIONS
[protocols.cccv]
steps = STEPS
cycles = CYCLES
initial_soc = 1.0
[output]
every = "2 min"
series_cycles = { every = 50 }
summary = [
  "capacity",
  "energy",
  "Capacity [A.h]",
  "Loss of lithium inventory [%]",
  "Loss of active material in negative electrode [%]",
  "Loss of capacity to negative SEI [A.h]",
  "Loss of capacity to negative lithium plating [A.h]",
  "max Local ECM resistance [Ohm]",
]
[run]
time_limit = "2 h"
"""
OPTIONS = {
    "SEI": "solvent-diffusion limited",
    "lithium plating": "partially reversible",
    "particle mechanics": "swelling only",
    "loss of active material": "stress-driven",
}
STEPS = (
    "Discharge at 1C until 2.7 V",
    "Rest for 5 minutes",
    "Charge at 0.5C until 4.2 V",
    "Hold at 4.2 V until C/20",
)
KINDS = ("solving process", "worker", "driver")


def main() -> None:
    """Print the table; exit with 1 if any number differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=300)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="solve it with plain PyBaMM too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = SWEEP.replace("CYCLES", str(given.cycles)).replace("STEPS", str(list(STEPS)))
        options = ", ".join(f'"{option}" = "{value}"' for option, value in OPTIONS.items())
        (folder / "sweep.toml").write_text(text.replace("OPTIONS", f"{{ {options} }}"))
        seconds, memory = left_alone(folder)
        print(f"{given.cycles} cycles, SPM with SEI, plating and loss of active material")
        print(f"  left alone       {given.cycles / seconds:8.1f} cycles/s, start included")
        print(f"  memory (solving) {memory[0]:8.0f} MiB at first, {memory[1]:.0f} MiB at the end")
        killed(folder, given.cycles, given.kills, random.Random(given.seed))
        one, other = contents(folder / "alone"), contents(folder / "killed")
        right = equal(one, other)
        print(
            f"  {given.kills} kills against none: {'equal bit for bit' if right else 'DIFFERENT'}"
        )
        if given.plain:
            same = equal_to_plain(one, given.cycles)
            print(f"  plain PyBaMM, one solve: {same}")
    sys.exit(0 if right else 1)


def start(folder: Path, store: Path) -> subprocess.Popen[bytes]:
    """Start the run of the one task."""
    command = [sys.executable, "-m", "battsweep.cli.main", "run", str(folder / "sweep.toml")]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [*command, "--store", str(store), "--workers", "1"], stdout=quiet, stderr=quiet
    )


def left_alone(folder: Path) -> tuple[float, tuple[float, float]]:
    """Run undisturbed; return the seconds, and MiB of the solving process early and late."""
    store, began = folder / "alone", time.monotonic()
    process = start(folder, store)
    memory = []
    while process.poll() is None:
        if standings(store):
            try:
                memory.append(family(process, store)["solving process"].memory_info().rss / 2**20)
            except (psutil.Error, KeyError):
                continue
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"the undisturbed run ended with {process.returncode}")
    return time.monotonic() - began, (memory[0], memory[-1])


def killed(folder: Path, cycles: int, kills: int, chance: random.Random) -> None:
    """Run to the end although something is killed again and again; say what and when."""
    store = folder / "killed"
    after = sorted(chance.randrange(1, cycles * 9 // 10) for _ in range(kills))
    process = start(folder, store)
    for number, cycle in enumerate(after):
        victim = KINDS[number] if number < len(KINDS) else chance.choice(KINDS)
        while (saved := reached(store)) < cycle or victim not in family(process, store):
            if process.poll() is not None:
                raise SystemExit("it ended before the last kill")
            time.sleep(0.002)
        family(process, store)[victim].kill()
        print(f"  killed the {victim:16} with {saved:4} cycles saved")
        if victim == "driver":
            process.wait()
            process = start(folder, store)
        time.sleep(0.2 * chance.random())
    if process.wait() != 0:
        raise SystemExit(f"the run after the kills ended with {process.returncode}")


def reached(store: Path) -> int:
    """Return how many cycles are saved."""
    return max((one.done for one in standings(store)), default=0)


def family(process: subprocess.Popen[bytes], store: Path) -> dict[str, psutil.Process]:
    """Return the driver, its worker, and the process that solves; empty where none does."""
    workers = {int(path.stem.rsplit("-", 1)[1]) for path in store.glob("logs/worker-*.log")}
    try:
        driver = psutil.Process(process.pid)
        # driver > the server that has PyBaMM imported > the worker, the solving process
        forked = [child for server in driver.children() for child in server.children()]
        worker = [child for child in forked if child.pid in workers]
        solving = [child for child in forked if child.pid not in workers]
        if worker and solving:
            return {"driver": driver, "worker": worker[-1], "solving process": solving[-1]}
    except psutil.Error:
        return {}
    return {}


def contents(store: Path) -> list[dict[str, np.ndarray]]:
    """Return the rows and the cycles' numbers of the one task."""
    with open_store(store) as opened:
        task_id = opened.tasks()["task_id"].iloc[0]
        rows, cycles = opened.series([task_id]).to_pandas(), opened.cycles()
    return [
        {str(name): table[name].to_numpy() for name in table.select_dtypes("number")}
        for table in (rows, cycles)
    ]


def equal(one: list[dict[str, np.ndarray]], other: list[dict[str, np.ndarray]]) -> bool:
    """Return whether two contents are equal bit for bit."""
    return all(
        a.keys() == b.keys() and all(np.array_equal(a[n], b[n], equal_nan=True) for n in a)
        for a, b in zip(one, other, strict=True)
    )


def equal_to_plain(one: list[dict[str, np.ndarray]], cycles: int) -> str:
    """Return how far the stored voltage and loss of lithium are from a plain simulation's."""
    import pybamm

    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM(OPTIONS),
        parameter_values=pybamm.ParameterValues("OKane2022"),
        experiment=pybamm.Experiment([STEPS] * cycles, period=120.0),
        solver=pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6),
    )
    solution = simulation.solve(initial_soc=1.0, calc_esoh=False)
    rows, numbers = one
    kept = np.unique(rows["cycle_count"]).astype(int)
    steps = [step for cycle in kept for step in solution.cycles[cycle - 1].steps]
    voltage = np.concatenate([step["Voltage [V]"].data for step in steps])
    name = "Loss of lithium inventory [%]"
    lost = np.array([cycle.steps[-1][name].data[-1] for cycle in solution.cycles])
    return (
        f"voltage within {np.max(np.abs(voltage - rows['voltage_volt'])):.1e} V,"
        f" loss of lithium within {np.max(np.abs(lost - numbers[name])):.1e} %"
    )


if __name__ == "__main__":
    main()
