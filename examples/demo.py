"""What ``make demo`` runs: a sweep, a fit, a table, three pictures; battsweep's own commands."""

import sys
import time
from pathlib import Path

from battsweep.cli.main import main

HERE = Path(__file__).parent.relative_to(Path.cwd())
DEMO = Path("demo")
STORE = DEMO / "store"

OPENING = f"""\
battsweep demo
--------------
How well does PyBaMM's parameter set Ai2020 describe a measured cell (Enertech SPB655060,
discharged at 0.5C, 1C and 2C), and what do its uncertain parameters matter?

1. {HERE / "quickstart.toml"}: SPM, SPMe and DFN x 3 rates x 40 sampled pairs of two
   parameters = 360 simulations, each held against the measured voltage.
2. {HERE / "quickstart-fit.toml"}: three parameters fitted to the 1C discharge with each
   model, by differential evolution; 0.5C and 2C are held out.
3. Tables and pictures, made from the store {STORE}.
"""

CLOSING = f"""
Next, try:
  battsweep status {STORE}
  battsweep table {STORE} tasks --where "model == 'DFN' and rate == 1"
  battsweep show {STORE} 5 --script
  battsweep plot {STORE} summary --sweep quickstart --x rate --y "capacity [A.h]"
  battsweep query {STORE} --where "rate == 2"
  battsweep run {HERE / "us06.toml"}      a drive cycle at three temperatures
  battsweep run {HERE / "ageing.toml"}    50 CCCV cycles with SEI growth
(the command is .venv/bin/battsweep where the environment is not activated)
"""


def battsweep(*arguments: object) -> None:
    """Run one command as a user would, and stop the demo if it fails."""
    words = [str(argument) for argument in arguments]
    print("$ battsweep " + " ".join(f'"{w}"' if " " in w else w for w in words), flush=True)
    status = main(words)
    if status != 0:
        sys.exit(f"demo: the command above ended with status {status}")
    print(flush=True)


def demo() -> None:
    """Run the demo; again, it goes on from the store that is there."""
    started = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    print(OPENING, flush=True)
    battsweep("plan", HERE / "quickstart.toml")
    battsweep("run", HERE / "quickstart.toml", "--store", STORE)
    battsweep("run", HERE / "quickstart-fit.toml", "--store", STORE)

    print("Voltage error of the 40 sampled pairs, by model and rate:")
    battsweep("table", STORE, "rmse", "--sweep", "quickstart")
    print("Voltage error of the set as it is, and after the fit to 1C:")
    battsweep("table", STORE, "rmse", "--sweep", "quickstart-fit")
    print("What the fits chose:")
    battsweep("table", STORE, "fits")
    print("Failed tasks:")
    battsweep("table", STORE, "failures")

    for kind, sweep, more in (
        ("voltage", "quickstart", ()),
        ("heatmap", "quickstart", ("--where", "rate == 1", "--colour", "rmse [mV]")),
        ("fit", "quickstart-fit", ()),
    ):
        picture = DEMO / f"{kind}.png"
        battsweep("plot", STORE, kind, "--sweep", sweep, *more, "--output", picture)
    print(f"The whole demo took {time.monotonic() - started:.0f} s.")
    print(CLOSING)


if __name__ == "__main__":
    demo()
