"""Processes that are forked from one server end with whom they work for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

STUCK = """
import itertools, sys
from multiprocessing.connection import Connection
from battsweep.jobs.forking import die_with_holder
alive = Connection(int(sys.argv[1]), writable=False)
die_with_holder(alive)
print("stuck", flush=True)
sum(itertools.repeat(0))  # in C, for ever, and no Python signal handler is run
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can be asked for this")
def test_a_process_that_is_stuck_in_c_ends_when_its_holder_does():
    ours, held = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(ours)],
        pass_fds=[ours],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(ours)
    try:
        assert process.stdout.readline() == b"stuck\n"
        assert process.poll() is None
        os.close(held)  # as the end of the process that holds it does
        assert process.wait(timeout=30) == -signal.SIGIO
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can be asked for this")
def test_a_process_whose_holder_is_gone_already_ends_at_once():
    ours, held = os.pipe()
    os.close(held)
    done = subprocess.run(
        [sys.executable, "-c", STUCK, str(ours)],
        pass_fds=[ours],
        capture_output=True,
        timeout=60,
        check=False,
    )
    os.close(ours)
    assert done.stdout == b""
    assert done.returncode != 0
