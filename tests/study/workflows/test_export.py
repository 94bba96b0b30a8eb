import functools
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from analysis.number_format import with_bounds
from analysis.stats.calibration import fit_temperature, referral, with_temperature
from analysis.stats.metrics import called
from analysis.tables.model_card_scores import score_split
from retina_data.batches import normalise
from retina_models.resnet import ResNet
from study.errors import ConfigError
from study.inference import onnx
from study.inference.model_dir import CONFIG, PREPROCESSING, WEIGHTS, read_model
from study.inference.model_selection import find_best_model
from study.inference.predict_images import predict_photographs
from study.training.checkpoints import BEST
from study.training.prediction import predict
from study.workflows.export import CARD, _parts, export
from tests.fixtures.winner import COLUMNS, NAME, Made, confirm, copy_of, folds, made_study

ALL = sorted([CARD, onnx.MLMODEL, CONFIG, onnx.ONNX, onnx.PROGRAM, WEIGHTS, PREPROCESSING])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, target = made_study(), tmp_path_factory.mktemp("export") / "model"
    export(made.home, NAME, None, target)
    return target


def _with_views(made: Made, networks: list[ResNet], predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions again, the mean over four flips and over the networks, by hand."""
    images = torch.from_numpy(made.prepared.cache.images[predictions["row"].to_numpy()]).permute(0, 3, 1, 2)
    seen = [images.flip(axes) for axes in ((), (2,), (3,), (2, 3))]
    each = [predict(one, view, normalisation="imagenet", precision="fp32") for one in networks for view in seen]
    return predictions.assign(**dict(zip(COLUMNS, torch.stack(each).mean(dim=0).numpy().T, strict=True)))


@functools.cache
def _validation() -> pd.DataFrame:
    """What the exported model is calibrated on: the unconfirmed winner's validation with 4 views."""
    made = made_study()
    return _with_views(made, [find_best_model(made.home, NAME).network()], made.predictions)


def test_the_folder_holds_every_format_and_nothing_else_is_left(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ALL
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_all_formats_give_validation_with_four_views(folder: Path) -> None:
    made, model = made_study(), read_model(folder)
    assert (model.settings.members, model.settings.views, model.settings.decision) == (1, 4, "median")
    images = torch.from_numpy(made.prepared.cache.images[made.predictions["row"].to_numpy()]).permute(0, 3, 1, 2)
    x = normalise(images.float() / 255, model.preprocessing.normalisation)
    with torch.no_grad():
        ours = model.grader(x).numpy()
    session = onnxruntime.InferenceSession(folder / onnx.ONNX, providers=["CPUExecutionProvider"])
    (from_onnx,) = session.run(None, {"image": x.numpy()})
    assert np.abs(ours - from_onnx).max() < 1e-4
    assert np.abs(np.exp(from_onnx) - _validation()[COLUMNS].to_numpy()).max() < 1e-4
    assert np.abs(np.exp(from_onnx) - made.predictions[COLUMNS].to_numpy()).max() > 1e-3
    table = predict_photographs(model, made.files(made.predictions["row"]))
    calibrated = with_temperature(np.exp(from_onnx.astype(np.float64)), model.settings.temperature)
    assert np.abs(table[COLUMNS].to_numpy() - calibrated).max() < 1e-4
    assert table["grade"].tolist() == called(np.exp(from_onnx), "median").tolist()


def test_temperature_and_threshold_come_from_validation(folder: Path) -> None:
    settings, predictions = read_model(folder).settings, _validation()
    stored = predictions[COLUMNS].to_numpy(np.float64)
    truth = predictions["grade"].to_numpy()

    def loss(temperature: float) -> float:
        return float(-np.log(with_temperature(stored, temperature)[np.arange(len(truth)), truth]).mean())

    assert loss(settings.temperature) <= min(loss(settings.temperature * 1.1), loss(settings.temperature / 1.1))
    referred = with_temperature(stored, settings.temperature)[:, 2:].sum(axis=1) >= settings.referable_threshold
    assert referred[truth >= 2].mean() >= 0.9


def test_the_card_states_what_a_reader_must_know(folder: Path) -> None:
    card = (folder / CARD).read_text()
    predictions = _validation()
    accuracy = (called(predictions[COLUMNS], "median") == predictions["grade"]).mean()
    settings, grades = read_model(folder).settings, predictions["grade"].to_numpy(np.int64)
    calibrated = with_temperature(predictions[COLUMNS].to_numpy(np.float64), settings.temperature)
    threshold, patients = settings.referable_threshold, predictions["patient"].to_numpy()
    referred = referral(calibrated, grades, patients, threshold)
    assert referred != referral(calibrated, grades, np.arange(len(grades)), threshold)  # patients have two eyes here
    for words in (
        f"{accuracy:.3f} (",
        f"| {referred.referable} | {with_bounds(referred.sensitivity, referred.sensitivity_bounds)} |",
        f"| {referred.healthy} | {with_bounds(referred.specificity, referred.specificity_bounds)} |",
        "95 % intervals over patients, as those of recall",
        f"| {len(predictions)} |",
        "the mean over one network and 4 views of the photograph",
        "- grade: the median grade",
        "the grade is called before it",
        "the highest kappa on validation among the study's trials",
        "Not confirmed",
        "chosen there: optimistic",
        "No diagnosis",
        made_study().prepared.cache.digest,
        "computed again",
        f"{(predictions['grade'] == 0).mean():.4f}",
    ):
        assert words in card, words


def test_nothing_in_the_folder_names_a_photograph_a_path_or_a_user(folder: Path) -> None:
    made = made_study()
    names = {str(name) for name in made.prepared.cache.table["image"]}
    secrets = [*names, str(made.home), str(made.data), os.path.expanduser("~"), str(Path(__file__).parents[3])]
    for path in folder.iterdir():
        content = path.read_bytes()
        if path.suffix in (".md", ".json") or path.name == onnx.MLMODEL:
            assert not [secret for secret in secrets if secret.encode() in content], path.name
        else:  # in megabytes of numbers short names may stand by chance
            assert not [secret for secret in secrets if len(secret) > 8 and secret.encode() in content], path.name


@pytest.mark.parametrize(("kind", "row"), [
    ("no patients", "test, patients not in training, as far as the data tells patients"),
    ("single eyes", "test, patients not in training"),
])  # fmt: skip
def test_patients_that_are_a_guess_are_said_to_be_one(kind: str, row: str) -> None:
    made = made_study()
    winner = find_best_model(made.home, NAME)
    findings = {"findings": [{"kind": kind, "count": 3, "text": "x"}]}
    winner = replace(winner, began=replace(winner.began, audit=findings))
    test = made.predictions.assign(new_patients=[n % 2 == 0 for n in range(len(made.predictions))])
    assert list(_parts(winner, made.predictions, test))[:2] == [row, "test, all"]


@pytest.mark.slow
def test_a_confirmed_winner_brings_its_test_scores(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = copy_of(made_study(), tmp_path)
    test = confirm(made)
    test.loc[: len(test) // 2, "new_patients"] = False
    test.to_parquet(tmp_path / "new.parquet", index=False)
    (tmp_path / "new.parquet").replace(made.folder / "checkpoints" / "c0000" / "test.parquet")
    export(made.home, NAME, None, tmp_path / "model")
    assert "confirmed as c0000" in caplog.messages[0]
    card = (tmp_path / "model" / CARD).read_text()
    assert card.index("test, patients not in training") < card.index("test, all") < card.index("validation (chosen")
    assert f"| test, all | {len(test)} |" in card
    assert "read once for this model; 0 readings came before" in card
    assert "Not confirmed" not in card
    assert json.loads((tmp_path / "model" / CONFIG).read_text())["origin"]["confirm"] == "c0000"


@pytest.mark.slow
def test_confirmed_seeds_are_exported_as_one_model(tmp_path: Path) -> None:
    made = copy_of(made_study(), tmp_path)
    tests = [confirm(made, "c0000"), confirm(made, "c0001", repeat=1, weights_of="0001")]
    target = tmp_path / "model"
    export(made.home, NAME, None, target, ensemble=True)
    assert sorted(path.name for path in target.iterdir()) == ALL
    model, winner = read_model(target), find_best_model(made.home, NAME, ensemble=True)
    assert (model.settings.members, model.settings.views) == (2, 4)
    assert model.settings.origin["confirm"] == "c0000, c0001"
    mean = _with_views(made, [one.network() for one in winner.members], made.predictions)
    assert np.allclose(mean[COLUMNS], winner.calibration()[COLUMNS], atol=1e-5)
    grades = mean["grade"].to_numpy()
    expected = fit_temperature(mean[COLUMNS].to_numpy(np.float64), grades).value
    assert model.settings.temperature == pytest.approx(expected, rel=1e-3)

    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        ours = model.grader(x).numpy()
    session = onnxruntime.InferenceSession(target / onnx.ONNX, providers=["CPUExecutionProvider"])
    assert np.abs(session.run(None, {"image": x.numpy()})[0] - ours).max() < 1e-4
    program = torch.export.load(target / onnx.PROGRAM).module()
    assert np.abs(program(x).detach().numpy() - ours).max() < 1e-4

    table = predict_photographs(model, made.files(made.predictions["row"]))
    assert table["grade"].tolist() == called(mean[COLUMNS], "median").tolist()
    card = (target / CARD).read_text()
    together = tests[0].assign(**{name: (tests[0][name] + tests[1][name]) / 2 for name in COLUMNS})
    assert f"| test | {len(together)} |" in card
    assert f" {score_split('test', together, 'median').text('kappa')} |" in card
    assert "2 confirmations (c0000, c0001) of trial 0001, each with its own seed" in card
    assert "the mean over 2 networks and 4 views" in card
    assert "read once for each of the 2 networks" in card


def test_an_ensemble_of_one_seed_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--ensemble needs at least two confirmed seeds"):
        export(made_study().home, NAME, None, tmp_path / "model", ensemble=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_folds_are_pooled_on_the_card(tmp_path: Path) -> None:
    made = copy_of(made_study(), tmp_path)
    test = confirm(made)
    folds(made, "many", 2)
    export(made.home, "many", None, tmp_path / "model")
    card = (tmp_path / "model" / CARD).read_text()
    assert f"| test, all 2 folds (each by its own model, trained alike) | {2 * len(test)} |" in card
    rows = [line for line in card.splitlines() if line.startswith("| test, all 2 folds")]
    assert len(rows) == 2  # scores and recalls, not the referral: the threshold is this model's alone


def test_a_folder_that_holds_something_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for target in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(ConfigError, match="--out must be a new or empty folder"):
            export(made_study().home, NAME, None, target)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_an_export_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx, "write_program", full)
    (tmp_path / "model").mkdir()
    with pytest.raises(OSError, match="No space"):
        export(made_study().home, NAME, None, tmp_path / "model")
    assert list(tmp_path.rglob("*")) == [tmp_path / "model"]


def test_without_onnx_the_rest_is_exported_and_the_remedy_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnx, "NEEDED_FOR_ONNX", ("no_such_package",))
    export(made_study().home, NAME, None, tmp_path / "model")
    assert any("no_such_package missing; install with: pip install onnx onnxscript" in text for text in caplog.messages)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        name for name in ALL if name not in (onnx.ONNX, onnx.MLMODEL)
    ]
    assert onnx.ONNX not in (tmp_path / "model" / CARD).read_text()


@pytest.mark.slow
def test_weights_that_are_not_those_of_the_predictions_are_refused(tmp_path: Path) -> None:
    made = copy_of(made_study(), tmp_path)
    other = (made.folder / "checkpoints" / "0000" / BEST).read_bytes()
    (made.folder / "checkpoints" / "0001" / BEST).unlink()
    (made.folder / "checkpoints" / "0001" / BEST).write_bytes(other)
    with pytest.raises(ConfigError, match=r"weights and predictions of made/0001 must belong together"):
        export(made.home, NAME, None, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_folder_can_be_registered_and_loaded_by_mlflow(folder: Path, tmp_path: Path) -> None:
    import mlflow
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_registered_model("retina")
    client.create_model_version("retina", folder.as_uri())
    (version,) = client.search_model_versions("name = 'retina'")
    assert (str(version.version), version.status) == ("1", "READY")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of MLflow's own code, about type hints
        loaded = mlflow.pyfunc.load_model(folder.as_uri())
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = read_model(folder).grader(x).numpy()
    got = loaded.predict({"image": x.numpy()})
    assert np.abs(pd.DataFrame(got["log_probabilities"]).to_numpy() - expected).max() < 1e-4


@pytest.mark.parametrize(("shape", "expected"), [("ellipse", "ellipse"), ("", "circle"), ("gone", "each")])
def test_the_decision_on_the_field_of_view_goes_with_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, shape: str, expected: str
) -> None:
    made = copy_of(made_study(), tmp_path)
    folder = made.home / "cache" / made.prepared.cache.folder.name
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").unlink()
    if shape != "gone":
        changed = manifest | {"field_of_view": shape or manifest["field_of_view"]}
        (folder / "manifest.json").write_text(json.dumps(changed))
    monkeypatch.setattr("study.workflows.export._write_graphs", lambda *_: {})
    export(made.home, NAME, None, tmp_path / "model")
    assert read_model(tmp_path / "model").preprocessing.field_of_view == expected
    assert ("field of view of each graded one" in caplog.text) is (shape == "gone")
