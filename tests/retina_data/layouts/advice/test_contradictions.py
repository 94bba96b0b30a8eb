"""retina_data.layouts.advice.contradictions: a second source of grades that disagrees is refused, or warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.errors import DataError
from retina_data.layouts.advice.contradictions import KIND
from retina_data.layouts.dataset import DataSet, read_index
from retina_data.layouts.label_files import ReadOptions
from tests.retina_data.as_people_have_them.builder import Content, build, names, table

LISTED = names(10)
WORDS = ("No DR", "Mild", "Moderate", "Severe", "PDR")
NUMBERS = ("0", "1", "2", "3", "4")


def folders(wrong: int, words: tuple[str, ...] = WORDS) -> dict[str, Content]:
    """Pictures in folders of their grades, the first `wrong` ones in that of the next grade."""
    return {f"{words[(n + (n < wrong)) % 5]}/{name}.png": None for n, name in enumerate(LISTED)}


def found(data: DataSet) -> list[tuple[int, bool]]:
    """Images with two grades, and whether they are only warned of."""
    return [(one.count, one.only_warns) for one in data.refusals if one.kind == KIND]


def read(folder: Path, files: dict[str, Content], options: ReadOptions | str | None = None) -> DataSet:
    return read_index(build(folder, files), options, missing="keep")


def test_folders_that_contradict_a_label_file_are_refused(tmp_path: Path) -> None:
    files = {**folders(2), "train.csv": table("id_code,diagnosis", LISTED)}
    assert found(read(tmp_path, files)) == [(2, False)]
    with pytest.raises(DataError, match="in silence, but 2 of 10 images .*e000f.*0 by train.csv, line 2, 1 by"):
        read_index(tmp_path)
    allowed = read_index(tmp_path, ReadOptions(allow_unused=True))
    assert allowed.notes[-1].startswith("another grade in labels that are not read: 2 images")


@pytest.mark.parametrize("layout", ["aptos", "folders"])
def test_a_choice_of_the_users_is_followed_and_warned_of(tmp_path: Path, layout: str) -> None:
    files = {**folders(2), "train.csv": table("id_code,diagnosis", LISTED)}
    data = read(tmp_path, files, layout)
    assert found(data) == [(2, True)] and "not read: 2 images" in data.notes[-1]
    assert not any(name in note for note in data.notes for name in ("e000f", "train.csv"))


def test_sources_that_agree_say_nothing(tmp_path: Path) -> None:
    lab = {"train_img.csv": table("", LISTED, "{name}"), "train_label.csv": table("", LISTED, "{grade}")}
    data = read(tmp_path, {**folders(0), **lab, "train.csv": table("id_code,diagnosis", LISTED)})
    assert data.layout == "lab" and found(data) == []


def test_the_labs_files_are_a_source_too(tmp_path: Path) -> None:
    lab = {"train_img.csv": table("", LISTED, "{name}"), "train_label.csv": "0\n" * 10}
    assert found(read(tmp_path, {**folders(0), **lab}, "folders")) == [(8, True)]


@pytest.mark.parametrize(("words", "wrong", "expected"), [
    (WORDS, 10, [(10, False)]), (NUMBERS, 5, [(5, False)]),
    (NUMBERS, 6, []),  # they may be of clinics
])  # fmt: skip
def test_folders_of_numbers_must_agree_mostly(
    tmp_path: Path, words: tuple[str, ...], wrong: int, expected: list[tuple[int, bool]]
) -> None:
    files = {**folders(wrong, words), "train.csv": table("id_code,diagnosis", LISTED)}
    assert found(read(tmp_path, files)) == expected


@pytest.mark.parametrize(("header", "wrong", "expected"), [
    ("file,dr_grade", 2, [(2, True)]), ("file,dr_grade", 6, []),  # of something else
    ("file,remark", 2, [(2, True)]),  # its fields are grades all the same
])  # fmt: skip
def test_columns_that_are_a_guess_warn_where_most_agree(
    tmp_path: Path, header: str, wrong: int, expected: list[tuple[int, bool]]
) -> None:
    assert found(read(tmp_path, {**folders(wrong), "more.csv": table(header, LISTED)})) == expected
