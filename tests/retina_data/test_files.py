from pathlib import Path

import pytest

from retina_data.files import check_writable, file_lock, free_bytes, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    for content in (b"one", b"another"):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"


def test_file_lock_of_another_holder_is_none(tmp_path: Path) -> None:
    with file_lock(tmp_path / "x.lock") as first, file_lock(tmp_path / "x.lock", seconds=0) as second:
        assert first is not None and second is None
    with file_lock(tmp_path / "x.lock", seconds=0) as free:
        assert free is not None


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "there") > 0


def test_check_writable_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        check_writable(tmp_path / "file" / "b")
