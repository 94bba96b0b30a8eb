"""Folders and passwords leave a text, the words around them stay."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.redact import without_folders, without_passwords

WORDS = st.sampled_from(
    ["Jane", "Doe", "van", "der", "O'Brien", "Jané", "j.doe", "Doe,", "(old)", "2024-05", "x:y", "a=b"]
)
FOLDER = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: " ".join(words).rstrip(","))
ROOT = st.sampled_from(
    ["/", "//", "C:\\", "d:/", "~/", "~jane/", "\\\\server\\", "file:///", "file:///C:/", "sqlite:////"]
)
BEFORE = st.sampled_from(
    ["", "see ", "error:", "[Errno 2] no such file: ", "data=", "(", "a/b,", "1/2 ", "http://host/a "]
)
AFTER = st.sampled_from(
    ["", " must be a file", " is 1/2", ": it is damaged", "; see kappa/accuracy", ")", " and try again"]
)
NAMES = ("Jane", "Doe", "Brien", "Jané", "j.doe", "2024-05", "(old)", "x:y", "a=b", "server")


def _names_in(text: str) -> list[str]:
    return [name for name in NAMES if name in text]


@given(BEFORE, ROOT, st.lists(FOLDER, min_size=1, max_size=4), AFTER, st.sampled_from(["", "'", '"', "`"]))
@example("", "/", ["home", "Jane Doe", "data"], "", "")
@example("", "C:\\", ["Users", "Jane Doe"], "", '"')
def test_no_folder_of_an_absolute_path_is_left(
    before: str, root: str, folders: list[str], after: str, quote: str
) -> None:
    separator = "\\" if root.endswith("\\") else "/"
    path = separator.join([*folders, "eye.png"])
    text = without_folders(f"{before}{quote}{root}{path}{quote}{after}")
    assert _names_in(text) == []
    assert text.endswith(f"eye.png{quote}{after}")
    assert text.startswith(before)


@given(st.text(alphabet="abC1 /\\:~.,='\"`-_*@\n\t()é", max_size=60))
def test_what_is_left_holds_no_absolute_folder_and_is_not_cut_again(text: str) -> None:
    cut = without_folders(text)
    assert without_folders(cut) == cut
    assert not re.search(r"(?:^|[\s='\"(,])(?:[A-Za-z]:|~)?[/\\]+[\w.-]+[/\\]+\w", cut)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/Jane Doe/data/x.png", "x.png"),
        ("cannot open '/home/Jane Doe/my eye.png': no such file", "cannot open 'my eye.png': no such file"),
        (r'"C:\Users\Jane Doe\x"', '"x"'),
        (r"FileNotFoundError(2, 'C:\\Users\\Jane Doe\\x')", "FileNotFoundError(2, 'x')"),
        ("'/home/O'Brien/x.png', line 3", "'x.png', line 3"),
        (
            "weights must be a file, but /home/alice/hub/r18.pth is damaged; see '/x/y/cache/abc' and http://host/a/b",
            "weights must be a file, but r18.pth is damaged; see 'abc' and http://host/a/b",
        ),
        ("see /a/b/c.txt and try again", "see c.txt and try again"),
        ("see /a/b/c.txt and/or kappa/accuracy", "see c.txt and/or kappa/accuracy"),
        ("/a/b must be 1/2 of lr/10", "b must be 1/2 of lr/10"),
        ("retina search x --data /a/b --warm-start c/d", "retina search x --data b --warm-start c/d"),
        ("error:/home/jane/x/y.png", "error:y.png"),
        ("PATH=/usr/bin:/home/jane/bin", "PATH=bin:bin"),
        ("file:///home/jane/x", "x"),
        ("file://server/home/jane/x", "x"),
        ("sqlite:////home/jane/mlflow.db", "sqlite:mlflow.db"),
        (r"C:\Users\jane\x", "x"),
        ("~/x/y and ~jane/z", "y and z"),
        (r"\\server\share\x", "x"),
        (r"/home/Jane\ Doe/x.png", "x.png"),
        (r"stderr='bad\n/home/jane/x'", r"stderr='bad\nx'"),
        ("(/home/jane) or /Users/jane.", "(~) or ~."),
        ("weights /data", "weights data"),
    ],
)
def test_a_path_is_cut_to_its_last_name(text: str, left: str) -> None:
    assert without_folders(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "1/2",
        "kappa/accuracy",
        "runs/eyes/x",
        "./x/y and ../x/y",
        "**/*.png",
        "1 / 2",
        "http://host/path",
        "https://user@host/x",
        "see http://[::1]:5000/a/b, s3://bucket/c/d and ray://head:10001",
        "1/2 and\nkappa/accuracy",
    ],
)
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert without_folders(text) == text


def test_a_path_within_an_address_is_cut_and_the_address_stays() -> None:
    assert without_folders("http://host/x?file=/home/jane/y") == "http://host/x?file=y"


def test_a_folder_with_a_blank_in_its_name_is_cut_where_it_is_known() -> None:
    home = Path("/srv/Jane Doe/runs")
    text = f"{home}/cache/abc must be a prepared cache, but is not"
    assert without_folders(text, home) == "cache/abc must be a prepared cache, but is not"
    assert without_folders(text) == "abc must be a prepared cache, but is not"


def test_the_home_of_who_runs_it_goes_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/Jane Doe")
    assert without_folders("/home/Jane Doe is full") == "~ is full"
    assert without_folders("-I/home/Jane Doe/include") == "-I~/include"
    assert without_folders("error:/home/Jane Doe/x, file:///home/Jane Doe/y") == "error:x, y"
    assert without_folders("http://home/Jane") == "http://home/Jane"
    assert without_folders("x/home/Jane Doerr/y") == "x/home/Jane Doerr/y", "another's"
    for short in ("/", "/root"):
        monkeypatch.setenv("HOME", short)
        assert without_folders("a/root/b and http://host//x") == "a/root/b and http://host//x"


def test_a_long_text_takes_no_time() -> None:
    begun = time.monotonic()
    for text in ("/a b, " * 5_000, "a" * 30_000, "'/a/b " * 2_000, "a.b-" * 10_000, "/a." * 10_000):
        without_folders(text)
    assert time.monotonic() - begun < 10


def test_no_password_is_left() -> None:
    assert without_passwords("postgresql://anna:secret@db/x") == "postgresql://***@db/x"
    assert without_passwords("no http://anna:s@cret@db and //bob:other@host/x") == "no http://***@db and //***@host/x"
    assert without_passwords("http://anna:secret@host:5000", "") == "http://host:5000"
    for text in ("sqlite:////home/x/mlflow.db", "http://host/a@b", "mail anna@host"):
        assert without_passwords(text) == text
