"""Paths, files and texts from outside."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.gate import below, check_links, open_file, plain, read_file, shortened


@pytest.mark.parametrize(
    "names",
    [("..",), ("a", ".."), ("a/../../b",), ("/etc",), ("",), (".",), ("a\0b",), ("x" * 256,), ("é" * 128,)],
)
def test_a_name_that_is_none_makes_no_path(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="a name must be that of one file or folder"):
        below(tmp_path, *names)


def test_a_path_lies_below_its_folder_wherever_links_lead(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "inner").mkdir(parents=True)
    (tmp_path / "home-of-others").mkdir()
    (home / "near").symlink_to(home / "inner")
    (home / "far").symlink_to(tmp_path / "home-of-others")
    (home / "self").symlink_to(home)
    (tmp_path / "linked-home").symlink_to(home)
    assert below(home, "near", "x") == home / "near" / "x"
    assert below(tmp_path / "linked-home", "new") == tmp_path / "linked-home" / "new"
    assert below(home, "not there", "x" * 255) == home / "not there" / ("x" * 255)
    for name in ("far", "self"):
        with pytest.raises(DataError, match="is a link that leads to"):
            below(home, name)


def test_only_a_regular_file_of_a_bounded_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    assert read_file(tmp_path / "file", 5) == b"12345"
    with open_file(tmp_path / "file") as file:
        assert file.read(2) == b"12"
    with pytest.raises(DataError, match="at most 4 bytes, but has 5"):
        read_file(tmp_path / "file", 4)
    for name in ("pipe", "link", "."):
        with pytest.raises((DataError, IsADirectoryError)):
            read_file(tmp_path / name, 5)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 5)


def test_a_folder_with_a_link_out_or_a_pipe_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "inside").symlink_to(folder / "a" / "b")
    check_links(folder)
    (folder / "a" / "b" / "out").symlink_to(tmp_path)
    with pytest.raises(DataError, match="b/out is a link to"):
        check_links(folder)
    (folder / "a" / "b" / "out").unlink()
    os.mkfifo(folder / "a" / "pipe")
    with pytest.raises(DataError, match="a/pipe is a pipe"):
        check_links(folder)
    assert stat.S_ISFIFO((folder / "a" / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("\x1b[31mred\x1b]8;;http://x\x07", " [31mred ]8;;http://x ", " [31mred ]8;;http://x "),
        ("a\r\nb\tc", "a  b c", "a \nb\tc"),
        ("\x9b2J\x7f\u202eevil\u2066", " 2J  evil ", " 2J  evil "),
        ("a\u2028b\ud800", "a b ", "a b "),
        ("Grüße, 網膜 👁", "Grüße, 網膜 👁", "Grüße, 網膜 👁"),
    ],
)
def test_nothing_in_a_text_moves_a_cursor(text: str, line: str, lines: str) -> None:
    assert (plain(text), plain(text, lines=True)) == (line, lines)


def test_a_quoted_text_is_short() -> None:
    assert shortened("a\x1b") == "'a\\x1b'"
    assert len(shortened("x" * 10_000)) == 62
