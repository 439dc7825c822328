"""What `plan --pilot` tells of a sweep, against what the run then takes; three examples.

Core seconds are those that other programs left to battsweep, from the command to the
last task indexed, start-up and planning included.

    python benchmarks/pilot.py --count 24
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cases import CCCV, US06
from meter import Meter

from battsweep import load_sweep, plan, run
from battsweep.jobs.pilot import run_pilot

CONSTANT = """
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPM]
[models.SPMe]
[models.DFN]
[protocols.discharge]
discharge = "{rate}C"
[[axes]]
rate = [0.5, 1, 2]
[[axes]]
sample = { method = "sobol", points = 256 }
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 8e-14, scale = "log" }
"Positive electrode active material volume fraction" = { from = 0.6, to = 0.7 }
"""
BUILDS = f"""
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPMe]
[protocols.cccv]
steps = {list(CCCV)}
[[axes]]
"Negative electrode porosity" = {{ from = 0.22, to = 0.3, points = 10 }}
[[axes]]
"Negative particle diffusivity [m2.s-1]" = {{ from = 2e-14, to = 8e-14, points = 40 }}
[output]
every = "60 s"
"""
PROFILE = f"""
[cells.A]
parameter_set = "Marquis2019"
[models.SPMe]
[protocols.us06]
profile = "{US06}"
positive = "discharge"
[[axes]]
"Ambient temperature [K]" = [283.15, 298.15, 313.15]
[[axes]]
"Cation transference number" = {{ from = 0.35, to = 0.45, points = 30 }}
[output]
every = "1 s"
"""
EXAMPLES = {"constant current": CONSTANT, "CCCV, built anew": BUILDS, "drive cycle": PROFILE}


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds from the clock, and core seconds that others left."""

    wall_s: float
    core_s: float


def planned(folder: Path, text: str):
    """Return the plan of a sweep file written to a folder."""
    (folder / "sweep.toml").write_text('name = "example"\n' + text)
    return plan(load_sweep(folder / "sweep.toml"))


def told(folder: Path, text: str, count: int, workers: int):
    """Return what a pilot tells, and how many tasks it tried."""
    started = time.perf_counter()
    made = planned(folder, text)
    planned_s = time.perf_counter() - started
    measured, found = run_pilot(made, count, store=None, workers=workers, planned_s=planned_s)
    return len(measured.samples), found


def taken(folder: Path, text: str, workers: int) -> Taken:
    """Run a sweep into a new store."""
    with Meter() as meter:
        started = time.perf_counter()
        progress = run(planned(folder, text), folder / "store", workers=workers)
        ended = time.perf_counter()
    if progress.left or progress.failed:
        raise SystemExit(f"{progress.failed} tasks failed, {progress.left} are left")
    return Taken(ended - started, meter.core_seconds(started, ended, cores=workers))


def main() -> None:
    """Print a line an example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24, help="tasks of a pilot")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    print(f"{'example':>18}{'tasks':>7}{'tried':>7}{'told s':>9}{'taken s':>9}{'off':>8}")
    for name, text in EXAMPLES.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
            tried, found = told(Path(folder), text, args.count, args.workers)
            seen = taken(Path(folder), text, args.workers)
        core_s = found.wall_s * args.workers
        off = 100 * (core_s / seen.core_s - 1)
        print(
            f"{name:>18}{found.tasks:>7}{tried:>7}{core_s:>9.0f}{seen.core_s:>9.0f}{off:>+7.0f} %"
            f"  (wall: told {found.wall_s:.0f} s, taken {seen.wall_s:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
