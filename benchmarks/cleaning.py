"""How well cleaning finds flaws: precision and recall of each rule, over many random draws.

Known flaws are put into clean series (cycles, pulses and a drive profile made here), and
what cleaning names is held against them, row by row. With ``--messy FOLDER`` the same for a
lab export with a list of its flaws (``raw_cycling_data.csv``, ``truth_clean.parquet`` and
``injected_flaws.json``).

    python benchmarks/cleaning.py --draws 40 --messy path/to/messy_multi_cell
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from battsweep.data.cell import RawCell
from battsweep.data.clean import clean
from battsweep.data.formats import read_files

KNOWN = (
    *("duplicates", "clock_steps", "midnight_wraps", "nonincreasing_times", "voltage spikes"),
    *("sensor_faults", "missing_values", "step_glitches", "cycle_jumps"),
)
SPIKES = ("voltage_range", "voltage_spikes")
Flaws = dict[str, set[int]]


def series(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a clean cell: some cycles, with pulses or a profile between two of them."""
    parts: list[tuple[float, float, int]] = []  # current, end voltage, rows
    step = 0
    steps: list[int] = []
    cycles: list[int] = []
    amperes: list[np.ndarray] = []
    for cycle in range(1, int(random.integers(3, 7))):
        kinds = [(-2.0, 240), (0.0, 40), (1.0, 200), (0.5, 100), (0.0, 40)]
        if random.random() < 0.4:
            kinds.insert(2, (-3.0, int(random.integers(5, 12))))
            kinds.insert(3, (0.0, int(random.integers(5, 12))))
        for current, rows in kinds:
            rows += int(random.integers(0, 20))
            values = np.full(rows, current)
            if current == 0.5:  # a held voltage: the current falls
                values = np.exp(-np.arange(rows) / 40)
            if current == 1.0 and random.random() < 0.2:  # a drive profile instead
                values = np.repeat(random.normal(0.8, 0.6, rows // 3 + 1), 3)[:rows]
            amperes.append(values)
            step += 1
            steps += [step] * rows
            cycles += [cycle] * rows
    del parts
    current = np.concatenate(amperes)
    interval = float(random.choice([1.0, 10.0, 30.0]))
    time = interval * np.arange(len(current)) + np.cumsum(random.uniform(0, 0.01, len(current)))
    charge = np.cumsum(current) * interval / 3600
    level = (charge - charge.min()) / max(float(np.ptp(charge)), 1e-9)
    voltage = 3.2 + 0.9 * level + 0.02 * current + random.normal(0, 2e-4, len(current))
    return {
        "test_time_second": time,
        "voltage_volt": voltage,
        "current_ampere": current + random.normal(0, 2e-4, len(current)) * (current != 0),
        "temperature_t1_celsius": 25 + 2 * np.abs(current) + random.normal(0, 0.05, len(current)),
        "tester_cycle_count": np.array(cycles),
        "tester_step_index": np.array(steps),
    }


def spoiled(
    clean_one: dict[str, np.ndarray], random: np.random.Generator
) -> tuple[dict[str, np.ndarray], Flaws]:
    """Return a series with flaws, and the rows of each kind of flaw."""
    made = {name: values.copy() for name, values in clean_one.items()}
    rows = len(made["voltage_volt"])
    flaws: Flaws = defaultdict(set)
    places = list(random.permutation(np.arange(30, rows - 30, 12)))
    for _ in range(int(random.integers(2, 6))):
        at, size = int(places.pop()), int(random.integers(1, 8))
        name = str(random.choice(["voltage_volt", "current_ampere"]))
        made[name][at : at + size] = np.nan
        flaws["missing_values"] |= set(range(at, at + size))
    for _ in range(int(random.integers(1, 4))):
        at = int(places.pop())
        made["voltage_volt"][at] = float(random.choice([0.0, -1.0, 9.9999, 4.9]))
        flaws["voltage spikes"].add(at)
    for _ in range(int(random.integers(1, 4))):
        at, size = int(places.pop()), int(random.integers(1, 4))
        made["temperature_t1_celsius"][at : at + size] = float(random.choice([-184.0, 999.0]))
        flaws["sensor_faults"] |= set(range(at, at + size))
    steps = made["tester_step_index"]
    for _ in range(int(random.integers(1, 4))):
        at, size = int(places.pop()), int(random.integers(1, 5))
        if steps[at - 6] == steps[at + size + 6]:
            steps[at : at + size] += 17
            flaws["step_glitches"] |= set(range(at, at + size))
    if random.random() < 0.5:
        later = np.flatnonzero(np.diff(made["tester_cycle_count"])) + 1
        at = int(random.choice(later))
        made["tester_cycle_count"][at:] += int(random.integers(1, 4))
        flaws["cycle_jumps"].add(at)
    time = made["test_time_second"]
    kind = random.choice(["back", "forward", "wrap", "late row", "none"])
    at, size = int(places.pop()), int(random.integers(1, 8))
    usual = float(np.median(np.diff(time)))
    if kind in ("back", "forward"):
        shift = max(3, round(usual * 2.5)) + int(random.integers(0, 3600))
        time[at : at + size] += shift * (1 if kind == "forward" else -1)
        flaws["clock_steps"] |= set(range(at, at + size))
    elif kind == "wrap":
        time[at:] -= 86400.0
        flaws["midnight_wraps"] |= set(range(at, rows))
    elif kind == "late row":
        time[at] = time[at - 1] - 0.5
        flaws["nonincreasing_times"].add(at)
    order: list[int] = []
    for row in range(rows):
        order.append(row)
        if row % 97 == 50 and random.random() < 0.5:
            order.append(row)
    moved = np.array(order)
    twice = np.concatenate([[False], moved[1:] == moved[:-1]])
    now_at = {old: new for new, old in reversed(list(enumerate(order)))}
    shifted = {kind: {now_at[row] for row in found} for kind, found in flaws.items()}
    shifted["duplicates"] = set(np.flatnonzero(twice).tolist())
    for kind, found in list(shifted.items()):
        if kind in ("midnight_wraps",):  # all that follows, the doubled rows too
            shifted[kind] = set(range(min(found), len(order))) - shifted["duplicates"]
    return {name: values[moved] for name, values in made.items()}, shifted


def named(raw: RawCell) -> Flaws:
    """Return the rows that cleaning names, by kind of flaw."""
    found: Flaws = defaultdict(set)
    for row in clean(raw).changes.to_pylist():
        kind = "voltage spikes" if row["rule"] in SPIKES else row["rule"]
        found[kind] |= set(range(row["row"], row["row"] + row["row_count"]))
    # What was taken out and then filled was found by the rule that took it out.
    found["missing_values"] -= found["voltage spikes"] | found["sensor_faults"]
    found["midnight_wraps"] -= found["duplicates"]
    return found


def cell(values: Mapping[str, np.ndarray]) -> RawCell:
    """Return a series as a reader would give it."""
    return RawCell("made", "csv", pa.table(dict(values)), ())


def count(score: Counter[tuple[str, str]], truth: Flaws, found: Flaws) -> None:
    """Add what was found rightly, found wrongly, and overlooked."""
    for kind in KNOWN:
        right, wanted = found.get(kind, set()), truth.get(kind, set())
        score[kind, "right"] += len(right & wanted)
        score[kind, "wrong"] += len(right - wanted)
        score[kind, "overlooked"] += len(wanted - right)


def show(title: str, score: Counter[tuple[str, str]]) -> bool:
    """Print a table; return whether every rule reaches what it should."""
    print(f"{title:<42}{'rows':>7}{'precision':>11}{'recall':>9}")
    good = True
    for kind in KNOWN:
        right, wrong, lost = (score[kind, what] for what in ("right", "wrong", "overlooked"))
        if not right + wrong + lost:
            continue
        precision = right / (right + wrong) if right + wrong else 1.0
        recall = right / (right + lost) if right + lost else 1.0
        good &= precision >= 0.98 and recall >= 0.95
        print(f"  {kind:<40}{right + lost:>7}{precision:>11.3f}{recall:>9.3f}")
    return good


def messy(folder: Path) -> Counter[tuple[str, str]]:
    """Return the score on a lab export whose flaws are listed.

    What the rules name in the clean file itself, such as labels that flutter
    there, are no flaws that were put in, and do not count.
    """
    truth = json.loads((folder / "injected_flaws.json").read_text())["cells"]
    clean_cells = {one.cell: one for one in read_files([folder / "truth_clean.parquet"])}
    score: Counter[tuple[str, str]] = Counter()
    for raw in read_files([folder / "raw_cycling_data.csv"]):
        told = truth[raw.cell]
        natural = named(clean_cells[raw.cell])
        doubled = [row + 1 for row in told["duplicated_rows_after"]]
        gap = told.get("gap_removed_rows", (10**9, 10**9))

        def at(row: int, doubled=doubled, gap=gap) -> int | None:
            """Return where a row of the clean cell stands in the raw one."""
            new = row + sum(row >= one for one in doubled)
            if gap[0] <= new < gap[1]:
                return None
            return new - (gap[1] - gap[0]) * (new >= gap[1])

        def rows(clean_rows, at=at) -> set[int]:
            return {new for row in clean_rows if (new := at(row)) is not None}

        flaws: Flaws = {
            "missing_values": rows({*told["missing_current_A"], *told["missing_voltage_V"]}),
            "voltage spikes": rows(told["spike_voltage"]),
            "step_glitches": rows(
                start + k for start, size in told["step_glitch_start_len"] for k in range(size)
            ),
        }
        twice = [row + 1 + n for n, row in enumerate(told["duplicated_rows_after"])]
        flaws["duplicates"] = {
            row - (gap[1] - gap[0]) * (row >= gap[1]) for row in twice if not gap[0] <= row < gap[1]
        }
        back = told["clock_step_back"]
        first = back["row"] - (gap[1] - gap[0]) * (back["row"] >= gap[1])
        flaws["clock_steps"] = set(range(first, first + back["rows"]))
        if "cycle_jump" in told:
            flaws["cycle_jumps"] = rows([told["cycle_jump"]["row"]])
        found = named(raw)
        for kind, seen in natural.items():
            known = rows(seen)
            found[kind] -= known - flaws.get(kind, set())
        count(score, flaws, found)
    return score


def main() -> None:
    """Print a table for made series and, where it is there, one for the lab export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--messy", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    score: Counter[tuple[str, str]] = Counter()
    falsely = 0
    for draw in range(args.draws):
        random = np.random.default_rng(draw)
        good = series(random)
        falsely += clean(cell(good)).changes.num_rows
        bad, flaws = spoiled(good, random)
        count(score, flaws, named(replace(cell(bad), cell=f"draw {draw}")))
    reached = show(f"{args.draws} series with flaws put in", score)
    print(f"  changes in the same series without flaws: {falsely}")
    if args.messy and args.messy.is_dir():
        reached &= show("a lab export of four cells", messy(args.messy))
    print("reached: precision 0.98 and recall 0.95 for every rule" if reached else "NOT reached")


if __name__ == "__main__":
    main()
