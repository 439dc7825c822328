import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_streams_a_fleet_and_tells_its_peak_memory(tmp_path):
    script = ROOT / "benchmarks" / "ingest.py"
    arguments = ["--only", "telemetry", "--rows", "200_000", "--folder", str(tmp_path), "--json"]
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    found = json.loads(done.stdout)["telemetry"]
    assert found["battsweep"]["rows"] + found["battsweep"]["exact_duplicate"] == 200_000
    assert found["pandas.read_csv"]["rows"] == 200_000
    assert found["battsweep"]["unsorted"] > 1000
    assert 50 < found["battsweep"]["peak_mib"] < 1500
