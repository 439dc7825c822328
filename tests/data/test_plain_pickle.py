"""Pickles that would run programs are refused by name, before they do."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from battsweep.data.formats import read_files
from battsweep.data.formats.plain_pickle import load_plain
from battsweep.data.formats.source import Source
from battsweep.errors import DataError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def held(tmp_path, data):
    return load_plain(Source(tmp_path / "x.pkl", data))


class Attack:
    """Whatever is unpickled of this calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(mark):
    command = f"touch {mark}"
    yield Attack(os.system, command)
    yield Attack(eval, f"open({str(mark)!r}, 'w')")
    yield {"cycle_data": [{"voltage_in_V": [Attack(os.system, command)]}]}
    yield [Attack(getattr, "text", "upper")]
    yield Attack(pickle.loads, pickle.dumps(Attack(os.system, command)))
    yield np.array([Attack(os.system, command)], dtype=object)


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_attacks_are_refused_by_name_and_never_run(tmp_path, number, protocol):
    mark = tmp_path / "it ran"
    data = pickle.dumps(list(attacks(mark))[number], protocol=protocol)
    with pytest.raises(DataError, match=r"posix|builtins|__builtin__|pickle|objects|nt|_pickle"):
        held(tmp_path, data)
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.",
        b"\x80\x02\x82\x01.",
        b"P1\n.",
        b"not a pickle",
        b"",
        b"\x80\x04\x8b\xff\xff\xff\x7f",
    ],
)
def test_broken_and_odd_pickles_are_refused(tmp_path, data):
    with pytest.raises(DataError, match=r"x\.pkl"):
        held(tmp_path, data)


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back_as_they_were(tmp_path_factory, value, protocol):
    assert held(tmp_path_factory.getbasetemp(), pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", "c16", ">f8", "U5"])
def test_arrays_of_plain_numbers_come_back(tmp_path, protocol, dtype):
    array = np.arange(6).astype(dtype).reshape(2, 3)
    for one in (array, np.asfortranarray(array)):
        found = held(tmp_path, pickle.dumps({"a": one}, protocol=protocol))["a"]
        assert np.array_equal(found, one)
        assert found.dtype == one.dtype


def test_scalars_and_ordered_dicts_become_plain(tmp_path):
    value = OrderedDict(a=np.float64(1.5), b=np.int32(7))
    assert held(tmp_path, pickle.dumps(value)) == {"a": 1.5, "b": 7}


def test_what_is_too_deep_or_refers_to_itself_is_refused(tmp_path):
    ring: list[object] = []
    ring.append(ring)
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    for value in (ring, deep):
        with pytest.raises(DataError, match="deep"):
            held(tmp_path, pickle.dumps(value))


def test_a_cell_of_batteryml_is_read_with_clocks_of_its_cycles(tmp_path):
    def cycle(number, start):
        return {
            "cycle_number": number,
            "time_in_s": [start, start + 10.0],
            "voltage_in_V": [3.9, 3.8],
            "current_in_A": [-1.0, -1.0],
            "temperature_in_C": [25],
        }

    path = tmp_path / "CALB.pkl"
    whole = {
        "cell_id": "C1",
        "nominal_capacity_in_Ah": 50,
        "cycle_data": [cycle(2, 0.0), cycle(3, 0.0)],
    }
    path.write_bytes(pickle.dumps(whole))
    (cell,) = read_files([path])
    assert cell.cell == "C1"
    assert cell.operation.to_pylist() == [2, 2, 3, 3]
    assert cell.info["nominal_capacity_ah"] == 50
