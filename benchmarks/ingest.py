"""What measured data cost to take in, beside pandas reading the same file.

Two parts, each in a process of its own, so that its peak memory is its own:

* a cycler's CSV: read, cleaned and stored as a cell;
* a charger fleet's CSV: streamed, sorted, marked and stored, in bounded memory.

    python benchmarks/ingest.py                                    a million rows each
    python benchmarks/ingest.py --only telemetry --rows 100_000_000 --folder /big/disk
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

SPAWN = multiprocessing.get_context("spawn")
MOST_MIB = 1500
BLOCK = 1_000_000
DAY_MS = 1_647_043_200_000
COMPONENTS = 500
SIGNAL = "LM_handleNegCoreTempDegC"


def write_cycler(path: Path, rows: int) -> None:
    """Write a plausible cycler's CSV: CC charge, CC discharge and rest, a row a second."""
    number = np.arange(rows)
    phase = number % 9000
    charge, discharge = phase < 4000, (phase >= 4500) & (phase < 8500)
    random = np.random.default_rng(1)
    voltage = np.where(charge, 3.0 + 1.2 * phase / 4000, np.where(discharge, 4.2, 3.6))
    voltage -= np.where(discharge, 1.5 * (phase - 4500) / 4000, 0.0)
    table = pa.table(
        {
            "Test Time / s": number.astype(float),
            "Voltage / V": np.round(voltage + 1e-4 * random.standard_normal(rows), 5),
            "Current / A": np.round(
                2.0 * charge - 2.0 * discharge + 1e-4 * random.standard_normal(rows), 5
            ),
            "Cycle Count / 1": 1 + number // 9000,
            "Step Index / 1": 1 + charge * 1 + discharge * 2,
            "Temperature T1 / degC": np.round(25 + random.standard_normal(rows), 3),
        }
    )
    arrow_csv.write_csv(table, path)


def write_fleet(path: Path, rows: int) -> None:
    """Write a fleet's CSV of one day and signal: a row a sample, some twice, some faulty."""
    random = np.random.default_rng(2)
    schema = pa.schema(
        [("", pa.int64()), ("timestamp", pa.int64())]
        + [(name, pa.int64()) for name in ("SITE", "ASSET", "COMPONENT")]
        + [("signal_name", pa.string()), ("VALUE", pa.float64()), ("event_date", pa.string())]
    )
    options = arrow_csv.WriteOptions(quoting_style="none")
    with arrow_csv.CSVWriter(path, schema, write_options=options) as writer:
        for start in range(0, rows, BLOCK):
            number = np.arange(start, min(start + BLOCK, rows))
            component = number % COMPONENTS
            # A component's rows are at times out of order, and one in a thousand is there twice.
            between = 86_000_000 * COMPONENTS // rows
            late = random.integers(0, 2 + min(2 * between, 390_000), len(number))
            times = 86_000_000 * number // rows + late
            values = (
                30 + 10 * np.sin(times / 3.6e6 + component) + random.normal(0, 0.5, len(number))
            )
            values[random.random(len(number)) < 1e-4] = -170.0
            again = np.flatnonzero(random.random(len(number)) < 1e-3)
            rows_of = np.sort(np.concatenate([np.arange(len(number)), again]))
            rows_of = rows_of[: len(number)]
            columns = [
                pa.array(number),
                pa.array(DAY_MS + times[rows_of]),
                pa.array(1_524_600_080 - component[rows_of] // 50),
                pa.array(-848_050_549 + component[rows_of] // 5),
                pa.array(1_396_988_257 - component[rows_of]),
                pa.array([SIGNAL] * len(number)),
                pa.array(values[rows_of]),
                pa.array(["2022-03-12"] * len(number)),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def ingest_cell(path: Path, store: Path) -> dict[str, object]:
    """Read, clean and store a cycler's CSV; return what each took."""
    from battsweep.data.clean import clean
    from battsweep.data.formats import read_files
    from battsweep.store.cells import write_cell

    spent = [time.process_time()]
    [raw] = read_files([path])
    spent.append(time.process_time())
    cleaned = clean(raw)
    spent.append(time.process_time())
    record = write_cell(store, raw, cleaned).record
    spent.append(time.process_time())
    steps = zip(("read", "clean", "store"), np.diff(spent), strict=True)
    return {"rows": record.rows, "cycles": record.cycles, **dict(steps)}


def ingest_fleet(path: Path, store: Path) -> dict[str, object]:
    """Stream a fleet's CSV into the store."""
    from battsweep.store.telemetry import ingest_telemetry

    file = ingest_telemetry(store, path, "signals").file
    stored = sum(part.bytes for part in file.parts)
    return {"rows": file.rows, "stored MB": stored / 1e6, **{r.rule: r.found for r in file.rules}}


def read_with_pandas(path: Path, _: Path) -> dict[str, object]:
    """Read a file as pandas does by itself, in pieces, so that it fits."""
    import pandas as pd

    return {"rows": sum(len(piece) for piece in pd.read_csv(path, chunksize=BLOCK))}


def measured(
    work: Callable[[Path, Path], dict[str, object]], path: Path, store: Path
) -> dict[str, object]:
    """Return what some work says, its CPU and wall seconds and peak memory, in a new process."""
    here, there = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_measure, args=(work, path, store, there))
    process.start()
    there.close()
    try:
        found: dict[str, object] = here.recv()
    except EOFError:
        raise SystemExit(f"{work.__name__} failed") from None
    process.join()
    return found


def _measure(
    work: Callable[[Path, Path], dict[str, object]], path: Path, store: Path, pipe
) -> None:  # type: ignore[no-untyped-def]
    os.environ["OMP_NUM_THREADS"] = "1"
    pa.set_cpu_count(1)
    started, busy = time.perf_counter(), time.process_time()
    found = work(path, store)
    cpu, wall = time.process_time() - busy, time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak, **found})


def main() -> None:
    """Write the files, take them in, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("cell", "telemetry"))
    parser.add_argument("--folder", type=Path, help="where the files are made; default: temporary")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from battsweep.store.layout import create_store

    parts = {"cell": (write_cycler, ingest_cell), "telemetry": (write_fleet, ingest_fleet)}
    results: dict[str, dict[str, dict[str, object]]] = {}
    for name, (write, ingest) in parts.items():
        if args.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            path, store = Path(folder, f"{name}.csv"), Path(folder, "store")
            write(path, args.rows)
            create_store(store, format="parquet")
            results[name] = {"battsweep": measured(ingest, path, store)}
            results[name]["pandas.read_csv"] = measured(read_with_pandas, path, store)
            size = path.stat().st_size
        if args.json:
            continue
        print(f"{name}: {args.rows} rows, {size / 1e6:.0f} MB of CSV, one core")
        for who, found in results[name].items():
            rest = ", ".join(
                f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                for k, v in found.items()
                if k not in ("cpu_s", "wall_s", "peak_mib")
            )
            print(
                f"  {who:<16} CPU {found['cpu_s']:8.2f} s  wall {found['wall_s']:8.2f} s  "
                f"peak {found['peak_mib']:6.0f} MiB  ({rest})"
            )
    if args.json:
        print(json.dumps(results))
    streamed = results.get("telemetry")
    if streamed and float(str(streamed["battsweep"]["peak_mib"])) > MOST_MIB:
        sys.exit(f"more than {MOST_MIB} MiB were needed to stream {args.rows} rows")


if __name__ == "__main__":
    main()
