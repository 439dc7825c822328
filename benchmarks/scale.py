"""A sweep of 100,000 SPM tasks: tasks done and the driver's memory against time.

    nice python benchmarks/scale.py --tasks 100000 --picture scale.png

The run is the one that users start; its own process is measured from planning to the end.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from battsweep import load_sweep, open_store, plan, run
from battsweep.jobs.forking import start_server
from battsweep.jobs.progress import Progress

SWEEP = """
name = "scale"
[cells.LGM50]
parameter_set = "Chen2020"
[models.SPM]
[protocols.discharge]
discharge = "{rate}C"
[[axes]]
rate = { from = 0.5, to = 2, points = 10 }
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 6e-14, points = 100 }
[[axes]]
"Positive particle diffusivity [m2.s-1]" = { from = 2e-15, to = 6e-15, points = ROWS }
[output]
every = "6 min"
summary = ["capacity"]
[run]
max_tasks = 10000000
"""
LIMIT_MB = 600


@dataclass
class Seen:
    """Seconds, tasks done and the driver's resident memory in MB, moment by moment."""

    started: float = field(default_factory=time.monotonic)
    rows: list[tuple[float, int, float]] = field(default_factory=list)
    done: int = 0
    marks: dict[str, float] = field(default_factory=dict)

    def watch(self, until: threading.Event) -> None:
        """Look twice a second until told to stop."""
        process = psutil.Process()
        while not until.wait(0.5):
            rss = process.memory_info().rss / 1e6
            self.rows.append((time.monotonic() - self.started, self.done, rss))

    def mark(self, what: str) -> None:
        """Note when something was reached."""
        self.marks[what] = time.monotonic() - self.started

    def progress(self, progress: Progress) -> None:
        """Take in how many tasks are done."""
        self.done = progress.done


def measure(tasks: int, workers: int | None, folder: Path, stop_after_s: float) -> Seen:
    """Run the sweep, to the end or for so many seconds, and return what was seen."""
    path = folder / "sweep.toml"
    path.write_text(SWEEP.replace("ROWS", str(max(1, round(tasks / 1000)))))
    seen, over = Seen(), threading.Event()
    start_server()
    watcher = threading.Thread(target=seen.watch, args=(over,))
    watcher.start()
    # As Ctrl-C does: what runs is finished, and the run is left as it is.
    stop = threading.Timer(stop_after_s, os.kill, (os.getpid(), signal.SIGINT))
    stop.daemon = True
    stop.start()
    try:
        made = plan(load_sweep(path))
        seen.mark("planned")
        progress = run(made, folder / "store", workers=workers, on_progress=seen.progress)
        seen.mark("computed")
    finally:
        stop.cancel()
        over.set()
        watcher.join()
    with open_store(folder / "store") as store:
        started = time.perf_counter()
        [sweep] = store.status().sweeps
        print(f"status of {sweep.tasks} tasks: {1e3 * (time.perf_counter() - started):.1f} ms")
        if progress.stopping:
            print(f"stopped after {stop_after_s:g} s: {sweep.counts}")
        elif sweep.counts["done"] != len(made.tasks) or progress.left:
            raise SystemExit(f"not all done: {sweep.counts}")
    return seen


def table(seen: Seen) -> list[str]:
    """Return rate and memory by tenths of the run."""
    rows = [row for row in seen.rows if row[1]]
    lines = [f"{'time s':>8}{'tasks done':>12}{'tasks/s':>10}{'driver MB':>11}"]
    before = rows[0]
    for k in range(1, 11):
        now = rows[min(len(rows) - 1, k * len(rows) // 10)]
        rate = (now[1] - before[1]) / max(1e-9, now[0] - before[0])
        lines.append(f"{now[0]:>8.0f}{now[1]:>12}{rate:>10.0f}{now[2]:>11.0f}")
        before = now
    return lines


def draw(seen: Seen, picture: Path) -> None:
    """Draw rate over time and memory over time, with planning shaded."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    seconds = [row[0] for row in seen.rows]
    window = 20  # samples of half a second
    middles, rates = [], []
    for k in range(window, len(seen.rows)):
        (then, before, _), (now, after, _) = seen.rows[k - window], seen.rows[k]
        middles.append((then + now) / 2)
        rates.append((after - before) / (now - then))
    figure, (top, bottom) = plt.subplots(2, sharex=True, figsize=(7, 5), layout="constrained")
    top.plot(middles, rates)
    top.set(ylabel="tasks a second (10 s mean)", ylim=(0, None))
    top.set_title(f"{seen.done} SPM tasks, from planning to the last receipt", loc="left")
    bottom.plot(seconds, [row[2] for row in seen.rows])
    bottom.axhline(LIMIT_MB, linestyle=":", color="black")
    bottom.annotate(f"limit: {LIMIT_MB} MB", (0, LIMIT_MB), va="bottom")
    bottom.set(xlabel="time in s", ylabel="driver's memory in MB", ylim=(0, LIMIT_MB * 1.1))
    for axes in (top, bottom):
        axes.axvspan(0, seen.marks["planned"], alpha=0.15, label="planning")
        axes.grid(alpha=0.3)
    top.legend(loc="lower right")
    figure.savefig(picture, dpi=150)


def main() -> None:
    """Run, print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--stop-after", type=float, default=1e6, help="seconds")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(args.tasks, args.workers, Path(folder), args.stop_after)
    print("\n".join(table(seen)))
    print(f"planned in {seen.marks['planned']:.1f} s, computed by {seen.marks['computed']:.1f} s")
    print(f"driver's memory at most {max(row[2] for row in seen.rows):.0f} MB")
    if args.picture is not None:
        draw(seen, args.picture)


if __name__ == "__main__":
    main()
