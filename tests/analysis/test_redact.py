"""Folders and passwords leave a text; a word too many may go with them, but no name of a folder stays."""

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.redact import shareable, without_folders, without_passwords

WORDS = st.sampled_from(
    ["Jane", "Doe", "van", "der", "O'Brien", "Jané", "j.doe", "Doe,", "(old)", "2024-05", "x:y", "a=b"]
)
FOLDER = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: " ".join(words).rstrip(","))
ROOT = st.sampled_from(
    ["/", "//", "C:\\", "d:/", "~/", "~jane/", "\\\\server\\", "file:///", "file:///C:/", "sqlite:////"]
)
BEFORE = st.sampled_from(["", "see ", "error:", "[Errno 2] no such file: ", "data=", "(", "1/2 ", "http://host/a "])
AFTER = st.sampled_from(["", " must be a file", ": it is damaged", "; see kappa/accuracy", ")", " and try again"])
NAMES = ("Jane", "Doe", "Brien", "Jané", "j.doe", "2024-05", "(old)", "x:y", "a=b", "server")


@given(BEFORE, ROOT, st.lists(FOLDER, min_size=1, max_size=4), AFTER, st.sampled_from(["", "'", '"', "`"]))
@example("", "/", ["home", "Jane Doe", "data"], "", "")
@example("", "C:\\", ["Users", "Jane Doe"], "", '"')
@example("error:", "//", ["Jane"], "", "")
def test_no_folder_of_an_absolute_path_is_left(
    before: str, root: str, folders: list[str], after: str, quote: str
) -> None:
    path = ("\\" if root.endswith("\\") else "/").join([*folders, "eye.png"])
    text = without_folders(f"{before}{quote}{root}{path}{quote}{after}")
    assert [name for name in NAMES if name in text] == []
    assert text.startswith(before)
    if "/" not in after:
        assert text.endswith(f"eye.png{quote}{after}")


@given(st.text(alphabet="abC1 /\\:~.,='\"`-_*@\n\t()é", max_size=60))
def test_what_was_cut_is_not_cut_again(text: str) -> None:
    cut = without_folders(text)
    assert without_folders(cut) == cut


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("cannot open '/home/Jane Doe/my eye.png': no such file", "cannot open 'my eye.png': no such file"),
        (r"FileNotFoundError(2, 'C:\\Users\\Jane Doe\\x')", "FileNotFoundError(2, 'x')"),
        ("'/home/O'Brien/x.png', line 3", "'x.png', line 3"),
        ("'/a/b', '/c/d e/f' and http://host/a/b", "'b', 'f' and http://host/a/b"),
        ("see /a/b/c.txt and try again; https://pytorch.org/x", "see c.txt and try again; https://pytorch.org/x"),
        ("see /a/b/c.txt and/or kappa/accuracy", "see accuracy"),
        ("PATH=/usr/bin:/home/jane/bin", "PATH=bin"),
        ("file://server/home/jane/x", "x"),
        (r"\\server\share\x", "x"),
        (r"/home/Jane\ Doe/x.png", "x.png"),
        (r"stderr='bad\n/home/jane/x'", r"stderr='bad\nx'"),
        ("(/home/jane) is full", "(~) is full"),
        ("/Users/jane.", "~."),
        ("weights /data", "weights data"),
        ("http://host/x?file=/home/jane/y", "http://host/x?file=y"),
        ('{"a": "no /home/jane/x", "b": "c \\"/d/e\\""}', '{"a": "no x", "b": "c \\"e\\""}'),
    ],
)
def test_a_path_is_cut_to_its_last_name(text: str, left: str) -> None:
    assert without_folders(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "1/2 and kappa/accuracy",
        "runs/eyes/x, ./x/y and ../x/y",
        "**/*.png",
        "1 / 2",
        "https://user@host/x",
        "see http://[::1]:5000/a/b, s3://bucket/c/d and ray://head:10001",
    ],
)
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert without_folders(text) == text


def test_a_path_in_a_known_folder_stays_from_there() -> None:
    home = Path("/srv/Jane Doe/runs")
    assert without_folders(f"{home}/cache/abc must be readable", home) == "cache/abc must be readable"


def test_the_home_of_who_runs_it_goes_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/Jane Doe")
    assert without_folders("/home/Jane Doe is full") == "~ is full"
    assert without_folders("-I/home/Jane Doe/include") == "-I~/include"
    assert without_folders("error:/home/Jane Doe/x") == "error:x"
    monkeypatch.setenv("HOME", "/root")
    assert without_folders("a/root/b") == "a/root/b"


def test_shareable_cuts_the_texts_of_a_structure() -> None:
    assert shareable({"a": ["/home/anna/x.pth", 3], "b": {"c": None}}) == {"a": ["x.pth", 3], "b": {"c": None}}


def test_a_long_text_takes_no_time() -> None:
    started = time.monotonic()
    for text in ("/a b, " * 5_000, "a" * 30_000, "'/a/b " * 2_000, "a.b-" * 10_000, "/a." * 10_000, "'/a' " * 5_000):
        without_folders(text)
    assert time.monotonic() - started < 10


def test_no_password_is_left() -> None:
    assert without_passwords("postgresql://anna:secret@db/x") == "postgresql://***@db/x"
    assert without_passwords("no http://anna:s@cret@db and //bob:other@host/x") == "no http://***@db and //***@host/x"
    assert without_passwords("http://anna:secret@host:5000", "") == "http://host:5000"
    for text in ("sqlite:////home/x/mlflow.db", "http://host/a@b", "mail anna@host"):
        assert without_passwords(text) == text
