import os
import stat

import pytest

from battsweep.errors import StoreError
from battsweep.store.files import make_folder, whole_file, write_whole


def test_what_is_written_is_there_whole(tmp_path):
    write_whole(tmp_path / "a" / "b" / "file", b"content")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(RuntimeError), whole_file(path) as part:
        part.write_bytes(b"half of the ne")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_files_and_folders_are_for_the_user_alone(tmp_path):
    before = os.umask(0)
    try:
        write_whole(tmp_path / "folder" / "file", b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "folder" / "file").stat().st_mode) == 0o600


def test_a_refusal_names_the_path_and_a_way_out(tmp_path):
    path = tmp_path / ("x" * 250)
    with pytest.raises(StoreError, match=r"x{250}: File name too long; use shorter names"):
        write_whole(path, b"")


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="a file is where a folder should be"):
        make_folder(tmp_path / "file" / "folder")
