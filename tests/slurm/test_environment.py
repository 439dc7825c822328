"""What is read from Slurm's variables, and what is not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.slurm.environment import allocation_provenance, allotted_cores

INSIDE = {
    "SLURM_JOB_ID": "1234",
    "SLURM_ARRAY_TASK_ID": "7",
    "SLURM_JOB_PARTITION": "long",
    "SLURMD_NODENAME": "node03",
    "SLURM_RESTART_COUNT": "1",
}
environments = st.dictionaries(st.text(max_size=10), st.text(max_size=10))


@settings(deadline=None)
@given(environments)
def test_outside_slurm_there_is_no_provenance(environment):
    assert allocation_provenance(environment) == {}


@settings(deadline=None)
@given(environments, st.sets(st.sampled_from(sorted(INSIDE))))
def test_provenance_has_what_slurm_says_and_nothing_else(environment, said):
    found = allocation_provenance(environment | {name: INSIDE[name] for name in said})
    assert sorted(found.values()) == sorted(INSIDE[name] for name in said)


def test_each_variable_has_a_word_of_ours():
    assert allocation_provenance(INSIDE) == {
        "allocation": "1234",
        "array_index": "7",
        "partition": "long",
        "node": "node03",
        "restarts": "1",
    }


@settings(deadline=None)
@given(st.integers(1, 4096))
def test_the_cores_of_a_task_are_what_slurm_says(cores):
    assert allotted_cores({"SLURM_CPUS_PER_TASK": str(cores)}) == cores
    assert allotted_cores({"SLURM_CPUS_ON_NODE": str(cores)}) == cores


def test_the_cores_of_a_task_go_before_those_of_the_node():
    assert allotted_cores({"SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_ON_NODE": "64"}) == 2


@pytest.mark.parametrize("word", ["", "many", "2(x3)", "-4", "1.5"])
def test_a_word_that_is_no_count_is_passed_over(word):
    assert allotted_cores({"SLURM_CPUS_PER_TASK": word}) == allotted_cores({})
    environment = {"SLURM_CPUS_PER_TASK": word, "SLURM_CPUS_ON_NODE": "3"}
    assert allotted_cores(environment) == 3


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"]), st.text()))
def test_there_is_always_at_least_one_core(environment):
    assert allotted_cores(environment) >= 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no core mask")
def test_without_slurm_the_mask_of_this_process_counts():
    assert allotted_cores({}) == len(os.sched_getaffinity(0))
