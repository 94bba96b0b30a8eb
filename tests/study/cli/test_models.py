import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from study.inference.model_dir import CONFIG
from tests.fixtures.command import refused, retina
from tests.fixtures.winner import NAME, confirm, copy_of, made_study
from tests.study.inference.test_predict_images import write


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("cli") / "model")


def _photographs(count: int) -> list[str]:
    made = made_study()
    return [str(path) for path in made.files(made.predictions["row"][:count])]


def test_a_table_is_printed_and_what_cannot_be_read_gives_1(model: Path, tmp_path: Path) -> None:
    (tmp_path / "=cmd.png").write_bytes(b"no image")
    done = retina(tmp_path / "home", "predict", str(model), *_photographs(2), str(tmp_path / "=cmd.png"))
    assert done.returncode == 1
    table = pd.read_csv(io.StringIO(done.stdout))
    assert table["error"].notna().tolist() == [False, False, True]
    assert "cannot be read" in done.stderr
    assert "graded 2 of 3 photographs" in done.stderr
    assert not (tmp_path / "home").exists()


def test_doubts_of_the_model_are_said_once_before_anything_is_graded(model: Path, tmp_path: Path) -> None:
    doubtful, doubt = tmp_path / "doubtful", "On validation [it] cannot be told from guessing."
    shutil.copytree(model, doubtful)
    content = json.loads((doubtful / CONFIG).read_text())
    (doubtful / CONFIG).write_text(json.dumps(content | {"limitations": [doubt]}))
    done = retina(tmp_path, "predict", str(doubtful), *_photographs(2))
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == f"note: {doubt}"
    assert done.stderr.count("note: ") == 1
    assert "note: " not in done.stdout


def test_a_csv_file_is_written_once(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "eyes.csv"
    assert retina(tmp_path, "predict", str(model), *_photographs(1), "--out", str(target)).returncode == 0
    before = target.read_bytes()
    assert len(pd.read_csv(target)) == 1
    assert "--out must not be there yet" in refused(
        tmp_path, "predict", str(model), *_photographs(2), "--out", str(target)
    )
    assert target.read_bytes() == before


def test_wrong_use_and_hostile_models_are_one_line_with_2(model: Path, tmp_path: Path) -> None:
    (image,) = _photographs(1)
    assert "--explain needs a folder" in refused(tmp_path, "predict", str(model), image, "--explain")
    assert "is no folder" in refused(tmp_path, "predict", str(tmp_path / "none"), image)
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for file in model.iterdir():
        (hostile / file.name).write_bytes(file.read_bytes())
    content = json.loads((hostile / CONFIG).read_text())
    (hostile / CONFIG).write_text(json.dumps(content | {"architecture": "/etc/passwd", "weights": "../../x.pt"}))
    assert refused(tmp_path, "predict", str(hostile), image).startswith("retina: config.json must be as")


@pytest.mark.slow
def test_from_a_study_to_a_graded_photograph(tmp_path: Path) -> None:
    made = made_study()
    done = retina(made.home, "export", NAME, "--out", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr
    assert "trial 0001" in done.stdout
    told = [line.removeprefix("note: ") for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert json.loads((tmp_path / "model" / CONFIG).read_text())["limitations"] == told
    graded = retina(tmp_path, "predict", str(tmp_path / "model"), *_photographs(3))
    assert graded.returncode == 0
    assert len(graded.stdout.splitlines()) == 4
    assert "--out must be a new or empty folder" in _refused(
        made.home, "export", NAME, "--out", str(tmp_path / "model")
    )
    assert "study other must exist" in _refused(made.home, "export", "other", "--out", str(tmp_path / "x"))


@pytest.mark.slow
def test_from_confirmed_seeds_to_a_graded_photograph(tmp_path: Path) -> None:
    made = copy_of(made_study(), tmp_path)
    line = _refused(made.home, "export", NAME, "--out", str(tmp_path / "model"), "--ensemble")
    assert line.startswith("retina: --ensemble needs at least two confirmed seeds of the winner")
    confirm(made, "c0000")
    confirm(made, "c0001", repeat=1, weights_of="0001")
    done = retina(made.home, "export", NAME, "--out", str(tmp_path / "model"), "--ensemble")
    assert done.returncode == 0, done.stderr
    assert "its 2 confirmed seeds as one model (c0000, c0001)" in done.stdout
    graded = retina(tmp_path, "predict", str(tmp_path / "model"), *_photographs(3))
    assert graded.returncode == 0
    assert len(graded.stdout.splitlines()) == 4


def _refused(home: Path, *arguments: str) -> str:
    done = retina(home, *arguments)
    assert done.returncode == 2
    return done.stderr.strip().splitlines()[-1]


def test_a_table_that_cannot_be_written_is_said_before_anything_is_graded(model: Path, tmp_path: Path) -> None:
    (tmp_path / "graded.txt").write_text("mine")
    line = refused(tmp_path, "predict", str(model), *_photographs(1), "--out", str(tmp_path / "graded.txt"))
    assert line.startswith("retina: File exists:")
    assert "graded 1 of 1" not in line
    assert (tmp_path / "graded.txt").read_text() == "mine"
