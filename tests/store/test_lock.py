import json
import multiprocessing
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from battsweep.errors import StoreError
from battsweep.store.layout import create_store, lock_path
from battsweep.store.lock import STALE_AFTER_S, current_driver, driver_lock

ROOT = Path(__file__).parents[2]
SPAWN = multiprocessing.get_context("spawn")
DEADLINE_S = 60


def drive(store, pipe):
    """Hold a store until told to end; say whether it was refused."""
    try:
        with driver_lock(store) as driver:
            pipe.send(driver.pid)
            pipe.recv()
    except StoreError as error:
        pipe.send(str(error))


def started(store):
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=drive, args=(store, there))
    process.start()
    return process, here


def said(pipe):
    assert pipe.poll(DEADLINE_S)
    return pipe.recv()


def ended(process, pipe):
    process.join(DEADLINE_S)
    assert process.exitcode is not None
    process.close()
    pipe.close()


@pytest.fixture
def empty(tmp_path):
    create_store(tmp_path, format="parquet")
    return tmp_path


def test_a_second_driver_is_refused_and_told_who_drives(empty):
    process, pipe = started(empty)
    pid = said(pipe)
    with pytest.raises(StoreError) as caught, driver_lock(empty):
        pass
    assert f"driven by process {pid} on {socket.gethostname()} since 20" in str(caught.value)
    assert current_driver(empty).pid == pid
    pipe.send("end")
    ended(process, pipe)


def test_a_lock_goes_with_its_driver(empty):
    with driver_lock(empty) as driver:
        assert current_driver(empty) == driver
    assert current_driver(empty) is None
    assert not lock_path(empty).exists()
    with driver_lock(empty):
        pass


def test_the_lock_of_a_killed_driver_is_taken_over(empty):
    process, pipe = started(empty)
    said(pipe)
    process.kill()
    ended(process, pipe)
    assert lock_path(empty).exists()
    assert current_driver(empty) is None
    with driver_lock(empty) as driver:
        assert current_driver(empty) == driver


def test_of_many_drivers_that_find_a_stale_lock_one_gets_it(empty):
    write_lock(empty, host=socket.gethostname(), pid=os.getpid(), process_start="long ago")
    drivers = [started(empty) for _ in range(4)]
    answers = [said(pipe) for _, pipe in drivers]
    assert sum(isinstance(answer, int) for answer in answers) == 1
    for (process, pipe), answer in zip(drivers, answers, strict=True):
        if isinstance(answer, int):
            pipe.send("end")
        ended(process, pipe)
    assert list(empty.iterdir()) == [empty / "store.json"]


def write_lock(store, **changes):
    record = {
        "host": "elsewhere",
        "pid": 1,
        "process_start": "1",
        "since_utc": "2026-01-01T00:00:00+00:00",
        "token": "t",
    }
    lock_path(store).write_text(json.dumps({**record, **changes}))


def test_a_driver_of_another_host_is_believed_while_its_heart_beats(empty):
    write_lock(empty)
    with (
        pytest.raises(StoreError, match="process 1 on elsewhere since 2026"),
        driver_lock(empty),
    ):
        pass


def test_a_driver_of_another_host_is_stale_after_five_minutes(empty):
    write_lock(empty)
    long_ago = lock_path(empty).stat().st_mtime - STALE_AFTER_S - 1
    os.utime(lock_path(empty), (long_ago, long_ago))
    with driver_lock(empty):
        assert current_driver(empty).host == socket.gethostname()


def test_a_later_process_with_the_same_number_is_not_the_driver(empty):
    write_lock(empty, host=socket.gethostname(), pid=os.getpid(), process_start="1")
    with driver_lock(empty):
        pass


def test_a_lock_that_makes_no_sense_is_left_and_named(empty):
    lock_path(empty).write_text("{")
    with (
        pytest.raises(StoreError, match=r"driver\.lock.*remove the file"),
        driver_lock(empty),
    ):
        pass
    assert lock_path(empty).read_text() == "{"


def test_a_lock_that_another_took_is_not_removed(empty):
    with driver_lock(empty):
        write_lock(empty)
    assert json.loads(lock_path(empty).read_text())["host"] == "elsewhere"


def test_a_driver_of_another_host_is_told_where_nothing_can_be_written(empty):
    write_lock(empty)
    code = (
        "from pathlib import Path; from battsweep.store.lock import current_driver; "
        f"print(current_driver(Path({str(empty)!r})).host)"
    )
    read_only = f"mount --bind {empty} {empty} && mount -o remount,ro,bind {empty}"
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if not shutil.which("unshare") or subprocess.run([*prefix, read_only]).returncode:
        pytest.skip("no mounts of one's own here")
    line = f"{read_only} && {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    done = subprocess.run([*prefix, line], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("elsewhere\n", "")
