"""Checkpoints are read as they were written, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.store.checkpoints import (
    Block,
    Standing,
    checkpoint_folder,
    forget_after,
    forget_finished,
    left_over,
    read_blocks,
    saved_cycles,
    standings,
    write_block,
)


def block(first, done, *, made_by="these versions"):
    """Return a block of some cycles with numbers that show whose it is."""
    return Block(
        first=first,
        done=done,
        total=30,
        made_by=made_by,
        state={"t": np.array([done * 0.1]), "y": np.linspace(0, done, 40).reshape(-1, 1)},
        columns={"voltage_volt": np.linspace(3, 4, 50), "cycle_count": np.full(50, done)},
        record={"cycles": [{"cycle_count": float(done), "energy [W.h]": None}], "log": []},
    )


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a task with the blocks of 30 cycles."""
    found = checkpoint_folder(tmp_path, "task")
    for first in (0, 10, 20):
        write_block(found, block(first, first + 10))
    return found


def assert_same(one: Block, other: Block) -> None:
    assert (one.first, one.done, one.total) == (other.first, other.done, other.total)
    assert (one.made_by, one.record) == (other.made_by, other.record)
    for mine, theirs in ((one.state, other.state), (one.columns, other.columns)):
        assert mine.keys() == theirs.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])


def test_blocks_come_back_in_order_bit_for_bit(folder):
    blocks, notes = read_blocks(folder, made_by="these versions")
    assert notes == []
    for found, first in zip(blocks, (0, 10, 20), strict=True):
        assert_same(found, block(first, first + 10))


def test_nothing_is_pickled(folder):
    for path in folder.iterdir():
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)


@settings(deadline=None, max_examples=40)
@given(number=st.integers(0, 2), data=st.data())
def test_whatever_byte_is_damaged_the_blocks_before_it_are_used(number, data, tmp_path_factory):
    folder = checkpoint_folder(tmp_path_factory.mktemp("store"), "task")
    for first in (0, 10, 20):
        write_block(folder, block(first, first + 10))
    path = sorted(folder.iterdir())[number]
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(content)
    blocks, notes = read_blocks(folder)
    assert [found.done for found in blocks] == [10, 20, 30][:number]
    assert "damaged" in notes[0]
    assert len(notes) == 3 - number


def test_a_block_without_those_before_it_is_not_used(folder):
    (folder / "cycles-000010-of-000030.npz").unlink()
    blocks, notes = read_blocks(folder)
    assert blocks == []
    assert all("lacks those before it" in note for note in notes)


def test_blocks_of_other_versions_are_not_gone_on_from(folder):
    blocks, notes = read_blocks(folder, made_by="other versions")
    assert blocks == []
    assert all("other versions" in note for note in notes)
    write_block(folder, block(0, 10, made_by="other versions"))
    blocks, notes = read_blocks(folder, made_by="other versions")
    assert [found.done for found in blocks] == [10]


def test_what_stands_is_known_from_the_names_alone(folder, tmp_path):
    assert standings(tmp_path) == (Standing("task", 30, 30),)
    forget_after(folder, 10)
    assert saved_cycles(folder) == 10
    assert standings(tmp_path) == (Standing("task", 10, 30),)
    assert standings(tmp_path / "elsewhere") == ()


def test_only_checkpoints_of_finished_tasks_are_left_over(folder, tmp_path):
    write_block(checkpoint_folder(tmp_path, "other"), block(0, 10))
    assert left_over(tmp_path, lambda ids: {"task"} & set(ids)) == (folder,)
    forget_finished(tmp_path, lambda ids: {"task"} & set(ids))
    assert not folder.exists()
    assert [one.task_id for one in standings(tmp_path)] == ["other"]
