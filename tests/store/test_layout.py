import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import StoreError
from battsweep.store.layout import (
    create_store,
    file_name,
    inside,
    is_store,
    measured_path,
    shard_path,
    store_format,
)

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=100)


def test_creating_a_store_twice_changes_nothing(tmp_path):
    create_store(tmp_path / "s", format="hdf5")
    first = (tmp_path / "s" / "store.json").read_bytes()
    create_store(tmp_path / "s", format="hdf5")
    assert (tmp_path / "s" / "store.json").read_bytes() == first
    assert store_format(tmp_path / "s") == "hdf5"
    assert is_store(tmp_path / "s")


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="holds files but is no store"):
        create_store(tmp_path, format="parquet")


def test_a_store_of_another_format_is_refused(tmp_path):
    create_store(tmp_path, format="hdf5")
    with pytest.raises(StoreError, match="format is 'hdf5', not 'parquet'"):
        create_store(tmp_path, format="parquet")


def test_a_store_of_a_newer_schema_is_refused(tmp_path):
    create_store(tmp_path, format="hdf5")
    record = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps({**record, "schema_version": 99}))
    with pytest.raises(StoreError, match="schema_version 99 is newer"):
        create_store(tmp_path, format="hdf5")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "battsweep-store"}', "null"])
def test_a_damaged_store_file_is_named(tmp_path, text):
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreError, match=r"store\.json"):
        store_format(tmp_path)


def test_a_folder_without_store_file_is_no_store(tmp_path):
    assert not is_store(tmp_path)
    with pytest.raises(StoreError, match="is no store"):
        store_format(tmp_path)


@given(NAMES)
@settings(deadline=None)
def test_names_from_data_are_one_plain_file_name(name):
    found = file_name(name)
    assert "/" not in found
    assert not found.startswith(".")
    assert 0 < len(found) < 100
    assert Path("folder", found).parent == Path("folder")


@given(NAMES, NAMES)
@settings(deadline=None)
def test_different_names_have_different_files(one, other):
    assert (file_name(one) == file_name(other)) == (one == other)


@given(NAMES, NAMES)
@settings(deadline=None)
def test_paths_made_of_names_stay_in_the_store(one, other):
    store = Path("/store")
    shard = shard_path(one, chunk=5, attempt=1, token=other, format="parquet")
    for path in (shard, measured_path(one, other, "0" * 64)):
        assert inside(store, path).resolve().is_relative_to(store)


def test_a_thousand_chunks_share_a_folder():
    paths = [
        shard_path("s", chunk=chunk, attempt=1, token="t", format="parquet")
        for chunk in (0, 999, 1000)
    ]
    assert [path.parent.name for path in paths] == ["c000", "c000", "c001"]
    assert paths[2].name == "part-0001000-01-t.parquet"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "data/../../x"])
def test_a_path_that_leaves_the_store_is_refused(path):
    with pytest.raises(StoreError, match="leaves the store"):
        inside(Path("/store"), path)
