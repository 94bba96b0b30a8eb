import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from analysis.stats.calibration import with_temperature
from analysis.stats.metrics import called
from retina_models.resnet import resnet18
from study.errors import ConfigError
from study.inference.model_dir import Model, describe, read_model, write_model
from study.inference.model_selection import find_best_model
from study.inference.predict_images import (
    COLUMNS,
    OVERLAYS,
    PROBABILITIES,
    disagreement,
    find_photographs,
    predict_photographs,
    printable,
)
from study.training.prediction import Grader, predict
from tests.fixtures.winner import COLUMNS as CHANCES
from tests.fixtures.winner import NAME, made_study


def write(
    folder: Path,
    temperature: float = 1.0,
    threshold: float = 0.3,
    decision: str = "most_probable",
    grader: Grader | None = None,
) -> Path:
    """The study's winner (or another one) as a model folder, without the formats that take seconds."""
    folder.mkdir()
    grader = grader or Grader([find_best_model(made_study().home, NAME).network()])
    values = {"architecture": "resnet18", "head": "linear", "temperature": temperature, "decision": decision}
    values |= {"referable_threshold": threshold, "origin": {}}
    write_model(folder, grader, values, describe(32, "fov", "none", "imagenet"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write(tmp_path_factory.mktemp("clinic") / "model"))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_it_gives_the_study_s_validation_predictions_from_the_photographs(tmp_path: Path, temperature: float) -> None:
    made = made_study()
    model = read_model(write(tmp_path / "model", temperature))
    table = predict_photographs(model, made.files(made.predictions["row"]))
    got = table[list(PROBABILITIES)].to_numpy(np.float64) ** temperature  # the temperature undone, but for the sum
    got /= got.sum(axis=1, keepdims=True)
    stored = made.predictions[CHANCES].to_numpy()
    assert np.abs(got - stored).max() < (2e-6 if temperature == 1 else 1e-4)  # six decimals are written
    assert table["grade"].tolist() == stored.argmax(axis=1).tolist()


@pytest.mark.parametrize("decision", ["most_probable", "median"])
def test_the_grade_is_called_from_the_probabilities_before_the_temperature(tmp_path: Path, decision: str) -> None:
    made = made_study()
    flat = find_best_model(made.home, NAME).network()
    with torch.no_grad():  # so unsure that the two rules, and the two sides of the temperature, can be told apart
        flat.fc.weight *= 0.2
        flat.fc.bias *= 0.2
    before = with_temperature(made.predictions[CHANCES].to_numpy(np.float64), 5)
    folder = write(tmp_path / "model", temperature=0.2, decision=decision, grader=Grader([flat]))
    table = predict_photographs(read_model(folder), made.files(made.predictions["row"]))
    assert np.abs(table[list(PROBABILITIES)].to_numpy() - made.predictions[CHANCES].to_numpy()).max() < 1e-4
    assert table["grade"].tolist() == called(before, decision).tolist()
    assert called(before, "median").tolist() != called(before, "most_probable").tolist()
    assert called(before, "median").tolist() != called(table[list(PROBABILITIES)], "median").tolist()


@pytest.mark.parametrize(("members", "views"), [(1, 4), (2, 8)])
def test_views_and_members_are_averaged(tmp_path: Path, members: int, views: int) -> None:
    made = made_study()
    trained = find_best_model(made.home, NAME).network()
    grader = Grader([trained, resnet18(seed=3)][:members], views)
    rows = made.predictions["row"][:6]
    table = predict_photographs(read_model(write(tmp_path / "model", grader=grader)), made.files(rows))
    pixels = made.prepared.cache.images[rows.to_numpy()]  # (6, 32, 32, 3)
    turned = [pixels, pixels.transpose(0, 2, 1, 3)][: 2 if views == 8 else 1]
    seen = [np.ascontiguousarray(one[:, ::y, ::x]) for one in turned for y in (1, -1) for x in (1, -1)]
    chances = [
        predict(one, torch.from_numpy(image).permute(0, 3, 1, 2), normalisation="imagenet", precision="fp32").numpy()
        for one in grader.members
        for image in seen
    ]
    assert len(chances) == members * views
    assert np.abs(table[list(PROBABILITIES)].to_numpy() - np.mean(chances, axis=0)).max() < 1e-5


def test_columns_referral_and_sums(tmp_path: Path) -> None:
    made = made_study()
    threshold = round(float(made.predictions[["p2", "p3", "p4"]].sum(axis=1).median()), 6)  # some above, some below
    model = read_model(write(tmp_path / "model", threshold=threshold))
    table = predict_photographs(model, made.files(made.predictions["row"]))
    assert tuple(table.columns) == COLUMNS
    assert np.allclose(table[list(PROBABILITIES)].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(table["p2"] + table["p3"] + table["p4"], table["p_referable"], atol=2e-6)
    assert (table["referable"] == (table["p_referable"] >= threshold)).all()
    assert set(table["referable"]) == {0, 1}
    assert (table["error"] == "").all()


def test_grade_and_referral_that_differ_are_explained(model: Model) -> None:
    settings = model.settings.model_copy(update={"decision": "median", "referable_threshold": 0.62})
    columns = ["grade", "referable", "error"]
    table = pd.DataFrame([(2, 0, ""), (1, 0, ""), (1, 1, ""), (4, 1, ""), (None, None, "empty")], columns=columns)
    table = table.astype({"grade": "Int64", "referable": "Int64"})
    assert disagreement(table, settings) == (
        "of 2 of 4 photographs grade and referable differ: the grade is the median one; referable is 1 where "
        "p_referable, the probability of grade 2 or more, reaches the model's threshold of 0.62"
    )
    assert disagreement(table.iloc[[1, 3, 4]], settings) == "" == disagreement(table.iloc[4:], settings)


def test_what_cannot_be_read_is_named_and_the_others_are_done(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = made_study().files(made_study().predictions["row"][:3])
    whole = good[0].read_bytes()
    half = whole[: len(whole) // 2]
    bad = {"empty.jpeg": b"", "half.jpeg": half, "closed.jpeg": half + b"\xff\xd9", "page.png": b"<html></html>"}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.png")
    broken = [*(tmp_path / name for name in bad), tmp_path / "pipe.png", tmp_path / "gone.png"]
    table = predict_photographs(model, [good[0], *broken, good[1], good[2]])
    assert [bool(error) for error in table["error"]] == [False, *[True] * 6, False, False]
    assert table["grade"].isna().tolist() == [False, *[True] * 6, False, False]
    assert table["error"][3] == "the file is damaged inside" and "HTML page" in table["error"][4]
    assert all(path.name in text for path, text in zip(broken, caplog.messages, strict=True))
    assert table["error"].tolist()[5:7] == ["no file", "No such file or directory"]
    alone = predict_photographs(model, good)
    assert np.allclose(table.loc[[0, 7, 8], list(PROBABILITIES)], alone[list(PROBABILITIES)], atol=1e-5)
    nothing = predict_photographs(model, broken)
    assert nothing["grade"].isna().all()


def test_warnings_stand_beside_the_grade(model: Model, tmp_path: Path) -> None:
    Image.new("RGB", (60, 20)).save(tmp_path / "black.png")
    (row,) = predict_photographs(model, [tmp_path / "black.png"]).to_dict("records")
    assert row["warning"] == (
        "black or nearly so; with a side below 64 px; smaller than the network's input: 20 px, less than 32"
    )
    assert row["grade"] in range(5)


def test_overlays_are_numbered_and_named_in_the_table(model: Model, tmp_path: Path) -> None:
    made = made_study()
    (tmp_path / "a b").mkdir()
    odd = tmp_path / "a b" / "..;rm é.jpeg"
    source = made.files(made.predictions["row"][:1])[0]
    odd.write_bytes(source.read_bytes())
    overlays = tmp_path / OVERLAYS
    overlays.mkdir()
    table = predict_photographs(model, [source, odd], overlays=overlays)
    assert table["overlay"].tolist() == [f"{OVERLAYS}/00001-{source.stem}.png", f"{OVERLAYS}/00002-.._rm__.png"]
    for name in table["overlay"]:
        with Image.open(io.BytesIO((tmp_path / name).read_bytes())) as picture:
            assert picture.size == (512, 256)
            assert picture.info == {}


def test_folders_give_their_photographs_by_name_and_none_twice(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "deep/c.tiff"):
        (tmp_path / "in" / name).touch()
    found = find_photographs([tmp_path / "in", tmp_path / "in" / "a.png", tmp_path / "x.bin"])
    assert [path.name for path in found] == ["a.png", "b.JPG", "c.tiff", "x.bin"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="a folder must hold photographs"):
        find_photographs([tmp_path / "empty"])


def test_files_that_are_not_graded_are_counted_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "b.HEIC", "c.heic", "d.dcm", "._e.png", "notes.txt", "IMG_1"):
        (tmp_path / name).touch()
    assert find_photographs([tmp_path]) == [tmp_path / "a.png"]
    kinds = "1 .png (._e.png), 1 without extension (IMG_1), 2 .heic (b.HEIC), 1 .dcm (d.dcm), 1 .txt (notes.txt)"
    (line,) = caplog.messages
    assert (
        line
        == f"not graded, as they are hidden or no photograph by their names: {kinds}; name a file itself to grade it"
    )
    (tmp_path / "a.png").unlink()
    with pytest.raises(ConfigError, match=r"holds none \(1 .png \(._e.png\), 1 without .* which are not read\)"):
        find_photographs([tmp_path])


def test_linked_folders_are_followed_and_each_folder_is_taken_once(tmp_path: Path) -> None:
    place, outside = tmp_path / "in", tmp_path / "outside"
    (place / "deep").mkdir(parents=True)
    outside.mkdir()
    for file in (place / "b.png", place / "deep" / "c.png", outside / "a.png", outside / ".hidden.png"):
        file.touch()
    (place / "a-link").symlink_to(outside)
    (place / "also").symlink_to("deep")  # comes before what it is, whose photographs keep their name all the same
    (place / "deep" / "up").symlink_to(place)
    (outside / "self").symlink_to(outside)
    (place / "file.png").symlink_to(outside / "a.png")
    (place / "gone").symlink_to("nowhere")
    names = ["a-link/a.png", "b.png", "deep/c.png", "file.png"]
    assert find_photographs([place]) == [place / name for name in names]
    assert find_photographs([place, outside]) == [place / name for name in names]


def test_a_file_in_two_spellings_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    for name in ("a.png", "x/a.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    spellings = [Path("x/../x/a.png"), Path("x/a.png"), tmp_path / "x" / "a.png", Path("x/../x"), Path("x/y/../a.png")]
    assert find_photographs(spellings) == [Path("x/../x/a.png")]
    (tmp_path / "link").symlink_to("x/y")  # link/../a.png is x/a.png, and not a.png
    assert find_photographs([Path("a.png"), Path("link/../a.png")]) == [Path("a.png"), Path("link/../a.png")]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.png").touch()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ConfigError, match=r"closed is not \(Permission denied\); make it readable, or name the other"):
        find_photographs([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_permissions_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(ConfigError, match="closed is not"):
        find_photographs([tmp_path])


def test_names_that_a_terminal_would_obey_are_escaped() -> None:
    assert printable(Path("eye é.png")) == "eye é.png"
    assert printable(Path("a\x1b[2J\n.png")) == "a\\x1b[2J\\n.png"
    assert printable(Path(os.fsdecode(b"\xff.png"))) == "\ufffd.png"


CODE = """
import sys
from pathlib import Path
from study.cli.app import run_command
sys.argv = ["retina", "predict", *sys.argv[1:]]
try:
    run_command()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
heavy = {"ray", "mlflow", "optuna", "torchvision", "matplotlib", "onnx", "onnxscript"} & set(sys.modules)
print("HEAVY", sorted(heavy), "CODE", code)
"""


def test_it_needs_neither_ray_nor_mlflow_nor_optuna(tmp_path: Path) -> None:
    made, folder = made_study(), write(tmp_path / "model")
    files = [str(path) for path in made.files(made.predictions["row"][:2])]
    command = [sys.executable, "-c", CODE, str(folder), *files, "--out", str(tmp_path / "out"), "--explain"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY [] CODE 0"
    assert "graded 2 of 2 photographs" in done.stderr
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert table["image"].tolist() == files
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [OVERLAYS, "predictions.csv"]


def test_the_decision_of_the_training_is_applied_to_one_photograph(tmp_path: Path) -> None:
    made = made_study()
    (good,) = made.files(made.predictions["row"][:1])
    image = Image.open(good)
    side = image.width
    image.crop((-side // 4, 0, side + side // 4, side)).resize((side, side)).save(tmp_path / "oval.png")
    answers, warned = {}, {}
    for shape in ("circle", "ellipse", "frame", "each"):
        folder = write(tmp_path / shape)
        file = folder / "preprocessing.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"field_of_view": shape}))
        table = predict_photographs(read_model(folder), [good, tmp_path / "oval.png"])
        answers[shape], warned[shape] = table[list(PROBABILITIES)].to_numpy(np.float64), table["warning"].tolist()
    assert np.abs(answers["each"][0] - answers["circle"][0]).max() < 1e-5
    assert np.abs(answers["each"][1] - answers["ellipse"][1]).max() < 1e-5
    assert np.abs(answers["circle"][1] - answers["frame"][1]).max() < 1e-5  # no circle fits, so it is the whole frame
    assert np.abs(answers["circle"] - answers["ellipse"]).max() > 1e-4
    assert "squashed" in warned["circle"][1] and "squashed" not in warned["circle"][0]
    assert all("a field of view is seen" in one for one in warned["frame"])
    assert not any("field of view" in one for one in warned["ellipse"] + warned["each"])
