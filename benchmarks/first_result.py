"""From typing `battsweep run` to the first result on the disk, against a plain PyBaMM script.

Both are new processes, taken in turn, since the machine may be busy; the medians' ratio is
what to read. The plain script imports PyBaMM, solves once and reads the voltage.

    python benchmarks/first_result.py --repeats 7
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SWEEP = """
name = "first"
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPMe]
[protocols.discharge]
discharge = "1C"
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 6e-14, points = 1000 }
[output]
every = 36
"""
PLAIN = """
import numpy as np
import pybamm
values = pybamm.ParameterValues("Chen2020")
solver = pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
model = pybamm.lithium_ion.SPMe()
simulation = pybamm.Simulation(model, parameter_values=values, solver=solver)
solution = simulation.solve([0, 18000.0], t_interp=np.arange(0, 18000.0, 36.0))
print(solution["Voltage [V]"].entries[-1])
"""
ENVIRONMENT = {**os.environ, "PYBAMM_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}


def plain() -> float:
    """Return the seconds that the plain script takes."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", PLAIN], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def first(folder: Path) -> float:
    """Return the seconds until a shard is there; then stop the run."""
    (folder / "sweep.toml").write_text(SWEEP)
    code = "import sys; from battsweep.cli.start import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", "sweep.toml", "--store", "store"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not any((folder / "store").glob("data/*/*/part-*")):
        if process.poll() is not None:
            raise SystemExit(f"battsweep run ended with {process.returncode}")
        time.sleep(0.005)
    took = time.perf_counter() - started
    process.send_signal(signal.SIGINT)
    process.wait()
    return took


def main() -> None:
    """Print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    plains, firsts = [], []
    for _ in range(parser.parse_args().repeats):
        plains.append(plain())
        with tempfile.TemporaryDirectory() as folder:
            firsts.append(first(Path(folder)))
    ratios = [b / a for a, b in zip(plains, firsts, strict=True)]
    print(f"plain script, one SPMe solve:   {statistics.median(plains):.2f} s (median)")
    print(f"battsweep run to first result:  {statistics.median(firsts):.2f} s (median)")
    print(f"ratio: {statistics.median(ratios):.2f} (median of pairs)")


if __name__ == "__main__":
    main()
