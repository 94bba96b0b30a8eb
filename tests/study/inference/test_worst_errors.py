import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from study.inference.worst_errors import ENTRIES, explain_mistakes, read_explained, worst
from tests.fixtures.winner import COLUMNS, NAME, Made, confirm, copy_of, made_study

MODE = "most_probable"


def _predictions(grades: list[int], called: list[int], truth: list[float]) -> pd.DataFrame:
    chances = np.zeros((len(grades), 5))
    for row, (grade, guess, chance) in enumerate(zip(grades, called, truth, strict=True)):
        chances[row, guess] = 1 - chance
        chances[row, grade] += chance
    return pd.DataFrame({"row": range(len(grades)), "grade": grades} | dict(zip(COLUMNS, chances.T, strict=True)))


def test_the_worst_are_those_farthest_off_then_those_that_were_surest() -> None:
    table = _predictions([0, 4, 0, 0, 2, 1], [4, 0, 0, 1, 1, 1], [0.2, 0.1, 0.9, 0.3, 0.3, 0.9])
    found = worst(table, MODE)
    assert found["row"].tolist() == [1, 0, 3, 4]
    assert found["predicted"].tolist() == [0, 4, 1, 1]
    assert worst(table, MODE, most=1)["row"].tolist() == [1]
    assert worst(table.iloc[[2]], MODE).empty


def test_the_median_is_wrong_elsewhere_than_the_most_probable_grade() -> None:
    chances = np.array([[0.4, 0.0, 0.3, 0.3, 0.0]])  # most probable 0, median 2
    table = pd.DataFrame({"row": [0], "grade": [2]} | dict(zip(COLUMNS, chances.T, strict=True)))
    assert worst(table, "median").empty
    assert worst(table, MODE)["predicted"].tolist() == [0]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


def test_pictures_are_written_as_the_records_say(made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "explained"
    assert read_explained(folder) == []
    folder.mkdir()
    (folder / "09.png").touch()  # of an earlier report
    assert explain_mistakes(made.home, NAME, folder, most=3)
    found = read_explained(folder)
    entries = [entry for _, entry in found]
    wrong = worst(made.predictions, "median", 3)
    assert [(entry["grade"], entry["predicted"]) for entry in entries] == list(
        zip(wrong["grade"], wrong["predicted"], strict=True)
    )
    assert sorted(path.name for path in folder.iterdir()) == ["01.png", "02.png", "03.png", ENTRIES]
    assert {key: entries[0][key] for key in ("arm", "trial", "confirm", "split")} == {
        "arm": "resnet18-scratch", "trial": "0001", "confirm": "", "split": "validation",
    }  # fmt: skip
    assert not {"row", "patient", "image"} & entries[0].keys()
    cached = made.prepared.cache.images[int(wrong["row"][0])]
    with Image.open(io.BytesIO(found[0][0])) as picture:
        left = np.asarray(picture.crop((0, 0, 256, 256)).resize((32, 32), Image.Resampling.BOX))
        assert picture.info == {}
    assert np.abs(left.astype(int) - cached).mean() < 12
    assert len(caplog.messages) == 1


def test_a_confirmed_winner_is_shown_on_the_test_part(made: Made, tmp_path: Path) -> None:
    test = confirm(made)
    assert explain_mistakes(made.home, NAME, tmp_path / "explained")
    entries = [entry for _, entry in read_explained(tmp_path / "explained")]
    assert len(entries) == len(worst(test, "median"))
    assert {entry["split"] for entry in entries} == {"test"}
    assert {entry["confirm"] for entry in entries} == {"c0000"}


@pytest.mark.parametrize(
    ("gone", "word"),
    [
        ("cache", "photographs have gone"),
        (f"{NAME}/checkpoints", "best.safetensors of trial 0001"),
        (NAME, "must exist"),
    ],
)
def test_what_has_gone_is_said_in_one_line_and_nothing_written(
    made: Made, tmp_path: Path, gone: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(made.home / gone)
    folder = tmp_path / "explained"
    folder.mkdir()
    assert not explain_mistakes(made.home, NAME, folder)
    assert len(caplog.messages) == 1
    assert word in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
    assert not list(folder.iterdir())
