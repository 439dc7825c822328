"""Everything battsweep is to be fast at, against the solver's limit and its peers, in one run.

The limit is the time that the C++ solver (compiled functions) reports for the same solves,
summed, over the cores. battsweep is counted from `load_sweep` to the last task stored and
indexed: with an empty cache of compiled functions ("first time"), and where an earlier
sweep of the model left them ("again"); of the latter also from the first shard to the last
("running"). It is counted by the core seconds that other programs left it. Peers are
counted by CPU time, as if they kept all cores busy, without their start and without
storing anything: a plain loop of fresh simulations, `pybamm.BatchStudy`, PyBaMM's own
list of inputs with threads, and PyBOP's simulator where an interpreter that has it is
named. Medians of rounds that take turns; only ratios mean anything.

    python benchmarks/speed.py --rounds 3 --pybop /path/to/python/with/pybop
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cases import ALL, Case
from meter import Meter

from battsweep import load_sweep, open_store, plan, run

LIMIT = "limit"
PEERS = ("plain loop", "BatchStudy", "list of inputs", "PyBOP")
QUIET = 0.1
SAME_V = 1e-3
"""BatchStudy keeps only the solver's own times, between which a voltage is interpolated."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One competitor in one round: core seconds for what is done once, and a task."""

    once_s: float
    task_s: float
    volts: tuple[float, ...] = ()

    def whole(self, tasks: int) -> float:
        """Return core seconds a task when as many are done."""
        return self.task_s + self.once_s / tasks


@dataclass(frozen=True, slots=True)
class Swept:
    """One run of battsweep: core seconds a task; ``running_s`` None where it was too short.

    ``first_s`` is the whole with nothing compiled before, ``whole_s`` with it.

    ``others`` is the share of the cores that other programs took meanwhile.
    """

    first_s: float
    whole_s: float
    others: float
    running_s: float | None
    integrated_s: float


class Asked:
    """A process that measures peers on request."""

    def __init__(self, python: str, cache: Path) -> None:
        own = {
            "PYBAMM_CASADI_AOT_CACHE": str(cache),
            "PYBAMM_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
        }
        script = Path(__file__).with_name("peers.py")
        self._process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **own},
        )

    def measure(self, kind: str, case: Case, count: int, cores: int) -> Measured | None:
        """Return what was measured; None where the peer cannot do this."""
        if self._process.stdin is None or self._process.stdout is None:
            raise SystemExit("the measuring process has no pipes")
        asked = {"kind": kind, "case": case.name, "count": count, "cores": cores}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{kind}, {case.name}: the measuring process died")
        answer = json.loads(line)
        if answer is None:
            return None
        return Measured(answer["once_s"], answer["task_s"], tuple(answer["volts"]))

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def swept(case: Case, workers: int, folder: Path, cache: Path, *, compiled: bool) -> Swept:
    """Run a row with battsweep, first with nothing compiled, then again; once without gcc."""
    if not compiled:
        return one_run(case, case.sweep(compile="false"), workers, folder / "only")
    shutil.rmtree(cache, ignore_errors=True)
    first = one_run(case, case.sweep(), workers, folder / "first")
    if case.inputs:  # leaves the functions compiled, as an earlier and larger sweep would
        few = replace(case, tasks=4)
        one_run(few, few.sweep(compile="true"), workers, folder / "few")
    again = one_run(case, case.sweep(), workers, folder / "again")
    return replace(again, first_s=first.whole_s, others=max(first.others, again.others))


def one_run(case: Case, sweep: str, workers: int, folder: Path) -> Swept:
    """Run a sweep file of a row, into a store of its own."""
    folder.mkdir()
    (folder / "sweep.toml").write_text(sweep)
    seen: list[tuple[float, int]] = []
    with Meter() as meter:
        started = time.perf_counter()
        progress = run(
            plan(load_sweep(folder / "sweep.toml")),
            folder / "store",
            workers=workers,
            on_progress=lambda p: seen.append((time.perf_counter(), p.done)),
        )
        ended = time.perf_counter()
    if progress.done != case.tasks:
        raise SystemExit(f"{case.name}: {progress.failed} tasks failed, {progress.left} are left")
    with open_store(folder / "store") as store:
        found = store.query("SELECT statistics FROM all_tasks")["statistics"]
    ours = meter.core_seconds(started, ended, cores=workers)
    return Swept(
        ours / case.tasks,
        ours / case.tasks,
        1 - ours / (workers * (ended - started)),
        running(seen, meter, workers),
        sum(json.loads(text)["integration_s"] for text in found) / case.tasks,
    )


def running(seen: Iterable[tuple[float, int]], meter: Meter, workers: int) -> float | None:
    """Return core seconds a task from the first shard that came back to the last."""
    shards: dict[int, float] = {}
    for at, done in seen:
        if done:
            shards.setdefault(done, at)
    if len(shards) < 5:
        return None
    (before, first), *_, (after, last) = shards.items()
    return meter.core_seconds(first, last, cores=workers) / (after - before)


def measure(
    cases: Iterable[Case], rounds: int, sample: int, workers: int, limit: str, pybop: str | None
) -> tuple[dict[str, list[Swept]], dict[tuple[str, str], list[Measured]]]:
    """Return all that was measured, by row, and by row and competitor."""
    runs: dict[str, list[Swept]] = {}
    found: dict[tuple[str, str], list[Measured]] = {}
    cases = list(cases)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(own_cache := Path(name) / "cache")
        (cache := Path(name) / "compiled").mkdir(mode=0o700)
        own = Asked(sys.executable, cache)
        other = Asked(pybop, cache) if pybop else None
        for number in range(rounds):
            for case in cases:
                counts = {"plain loop": sample, "BatchStudy": sample}
                for kind in (limit, *PEERS):
                    asked = other if kind == "PyBOP" else own
                    count = min(case.tasks, counts.get(kind, 4 * sample))
                    if asked and (one := asked.measure(kind, case, count, workers)):
                        name_of = LIMIT if kind == limit else kind
                        found.setdefault((case.name, name_of), []).append(one)
                (folder := Path(name) / f"{case.name}-{number}").mkdir()
                runs.setdefault(case.name, []).append(
                    swept(case, workers, folder, own_cache, compiled=limit == LIMIT)
                )
                print(f"round {number + 1}: {case.name}", file=sys.stderr)
        own.close()
        if other:
            other.close()
    return runs, found


def row(case: Case, runs: list[Swept], found: dict[str, list[Measured]]) -> list[str]:
    """Return the cells of a row, and what is to be said of it."""
    first = statistics.median(one.first_s for one in runs)
    whole = statistics.median(one.whole_s for one in runs)
    seen = [one.running_s for one in runs if one.running_s is not None]
    steady = statistics.median(seen) if seen else None
    limit = statistics.median(one.task_s for one in found[LIMIT])
    integrated = statistics.median(one.integrated_s for one in runs)
    cells = [
        f"{case.tasks}",
        f"{1e3 * limit:.2f}",
        f"{100 * limit / first:.1f} %",
        f"{100 * limit / whole:.1f} %",
        f"{100 * limit / steady:.1f} %" if steady else "-",
        f"{100 * integrated / whole:.0f} %",
    ]
    behind = []
    plain = found["plain loop"][0].volts
    for peer in PEERS:
        if peer not in found:
            cells.append("-")
            continue
        times = statistics.median(one.whole(case.tasks) for one in found[peer]) / whole
        later = statistics.median(one.task_s for one in found[peer]) / (steady or whole)
        volts = found[peer][0].volts
        other = max(abs(a - b) for a, b in zip(volts, plain, strict=True)) > SAME_V
        cells.append(f"{times:.2f}/{later:.2f}{'*' if other else ''}")
        if min(times, later) <= 1:
            behind.append(peer)
    cells.append("behind " + ", ".join(behind) if behind else "ahead of all")
    return cells


HEADS = (
    ("row", 9),
    ("tasks", 7),
    ("limit ms", 10),
    ("first time", 12),
    ("again", 9),
    ("running", 9),
    ("in solver", 11),
    ("loop", 15),
    ("BatchStudy", 15),
    ("list", 13),
    ("PyBOP", 13),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the tasks of each row")
    parser.add_argument("--sample", type=int, default=10, help="fresh simulations a round and row")
    parser.add_argument("--rows", nargs="+", choices=[case.name for case in ALL])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-compile", action="store_true", help="the limit without a compiler")
    parser.add_argument("--pybop", metavar="PYTHON", help="an interpreter that can import pybop")
    args = parser.parse_args()
    chosen = [case for case in ALL if args.rows is None or case.name in args.rows]
    cases = [replace(case, tasks=max(4, round(case.tasks * args.scale))) for case in chosen]
    limit = "limit, VM" if args.no_compile else LIMIT
    runs, found = measure(cases, args.rounds, args.sample, args.workers, limit, args.pybop)

    print(f"{args.workers} workers, stored; medians of {args.rounds} rounds that took turns")
    functions = "not compiled" if args.no_compile else "compiled"
    print(
        f"limit: C++ solver alone, {functions}, core ms a task; next, how near battsweep is to it"
    )
    print("  with nothing compiled before, again, and once running, and the share of its core time")
    print(
        "  inside the solver; then how many times more core time a peer needs (start-up and build"
    )
    print("  counted for both / for neither; * : its voltage")
    print(f"  is {1e3 * SAME_V:g} mV or more from the plain loop's at some time; - : it cannot)")
    print("".join(f"{name:>{width}}" for name, width in HEADS))
    others = statistics.median(one.others for of_row in runs.values() for one in of_row)
    for case in cases:
        of_case = {kind: found[name, kind] for name, kind in found if name == case.name}
        cells = [case.name, *row(case, runs[case.name], of_case)]
        pairs = zip(cells[:-1], HEADS, strict=True)
        print("".join(f"{text:>{width}}" for text, (_, width) in pairs) + f"  {cells[-1]}")
    if others > QUIET:
        print(f"other programs took {100 * others:.0f} % of the cores: the solver's own clock, and")
        print(
            "  so the limit and the share in it, are not to be trusted; run again when it is quiet"
        )


if __name__ == "__main__":
    main()
