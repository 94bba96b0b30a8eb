import numpy as np
import pandas as pd
import pytest
import torch

from analysis import schema
from retina_data.layouts.dataset import read_index
from retina_models.resnet import resnet18
from study.config.trial import TrialConfig
from study.training.data import SplitDataset, prepare_data
from study.training.prediction import predict
from study.training.test_evaluation import read_calibration, read_test, reading
from study.training.train import TrainingError
from tests.fixtures.study import SMALL, small_data

CONFIG = TrialConfig(**SMALL | {"views": 1})
MODE = "most_probable"
CHANCES = [f"p{grade}" for grade in schema.GRADES]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> SplitDataset:
    folder = tmp_path_factory.mktemp("testpart")
    dataset = read_index(small_data(folder / "data"))
    return prepare_data(dataset, folder, image_size=32, crop="fov", val_fraction=0.3, seed=0, select_on="validation")


def test_every_test_image_is_predicted_once_in_its_row(prepared: SplitDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = resnet18(seed=3).state_dict()
    whole = read_test(weights, CONFIG, prepared, torch.device("cpu"))
    monkeypatch.setattr("study.training.prediction.PIECE", 5)
    pieces = read_test(weights, CONFIG, prepared, torch.device("cpu"))
    rows = np.flatnonzero(prepared.splits == "test")
    assert whole["row"].tolist() == pieces["row"].tolist() == rows.tolist()
    assert whole["grade"].tolist() == prepared.cache.table["grade"].iloc[rows].tolist()
    images = torch.from_numpy(prepared.cache.images[rows]).permute(0, 3, 1, 2)
    expected = predict(resnet18(seed=3), images, normalisation=CONFIG.normalisation, precision="fp32").numpy()
    for table in (whole, pieces):
        np.testing.assert_allclose(table[[f"p{grade}" for grade in schema.GRADES]], expected, atol=1e-5)


@pytest.mark.parametrize("views", [1, 4, 8])
def test_both_parts_are_predicted_with_all_views(prepared: SplitDataset, views: int) -> None:
    network, device = resnet18(seed=3), torch.device("cpu")
    config = TrialConfig(**SMALL | {"views": views, "augmentation": "dihedral"})
    calibration = read_calibration(network.state_dict(), config, prepared, device)
    assert list(calibration.columns) == ["row", "patient", "grade", *CHANCES]
    assert calibration["row"].tolist() == np.flatnonzero(prepared.splits == "val").tolist()
    assert calibration["patient"].tolist() == prepared.cache.table["group"][calibration["row"]].tolist()
    assert calibration["grade"].tolist() == prepared.cache.table["grade"][calibration["row"]].tolist()
    for table in (calibration, read_test(network.state_dict(), config, prepared, device)):
        images = torch.from_numpy(prepared.cache.images[table["row"].to_numpy()]).permute(0, 3, 1, 2)
        seen = [turned.flip(axes) for turned in (images, images.mT) for axes in ((), (2,), (3,), (2, 3))][:views]
        each = [predict(network, one, normalisation=config.normalisation, precision="fp32") for one in seen]
        np.testing.assert_allclose(table[CHANCES], torch.stack(each).mean(dim=0), atol=1e-5)


def test_weights_that_give_no_numbers_are_a_failure(prepared: SplitDataset) -> None:
    weights = {
        name: value * float("nan") if value.is_floating_point() else value
        for name, value in resnet18().state_dict().items()
    }
    with pytest.raises(TrainingError, match="must be finite, but are not on the test split; lower lr"):
        read_test(weights, CONFIG, prepared, torch.device("cpu"))
    with pytest.raises(TrainingError, match="must be finite, but are not on the validation split; lower lr"):
        read_calibration(weights, CONFIG, prepared, torch.device("cpu"))


def _table(grades: list[int], guesses: list[int], new_patients: list[bool]) -> pd.DataFrame:
    chances = np.eye(5)[guesses]
    table = pd.DataFrame(
        {"row": range(len(grades)), "patient": range(len(grades)), "grade": grades, "new_patients": new_patients}
    )
    return table.assign(**{f"p{grade}": chances[:, grade] for grade in schema.GRADES})


def test_the_clean_patients_are_measured_apart() -> None:
    told = reading(_table([0, 0, 1, 2], [0, 1, 1, 0], [True, False, True, False]), MODE)
    assert (told["n"], told["n_new_patients"]) == (4, 2)
    assert (told["scores"]["test/accuracy"], told["scores"]["test_new_patients/accuracy"]) == (0.5, 1.0)
    assert np.sum(told["confusion"]) == 4
    assert told["new_patients"][0][0] == told["new_patients"][1][1] == 1
    assert {name for name in told["scores"]} <= {*schema.TEST_METRICS, *schema.NEW_PATIENTS_METRICS}


def test_where_all_patients_are_new_nothing_is_said_twice() -> None:
    told = reading(_table([0, 1], [0, 0], [True, True]), MODE)
    assert not [name for name in told["scores"] if name.startswith("test_new_patients/")]
    assert told["new_patients"] == told["confusion"]
    assert "test/recall_2" not in told["scores"]


def test_where_nobody_is_clean_there_are_no_clean_scores() -> None:
    told = reading(_table([0, 1], [0, 0], [False, False]), MODE)
    assert told["n_new_patients"] == 0
    assert not [name for name in told["scores"] if name.startswith("test_new_patients/")]


def test_the_reading_calls_grades_by_the_decision() -> None:
    table = _table([2, 2], [0, 0], [True, True]).assign(p0=0.4, p2=0.3, p3=0.3)  # most probable 0, median 2
    assert reading(table, MODE)["scores"]["test/accuracy"] == 0
    told = reading(table, "median")
    assert told["scores"]["test/accuracy"] == 1
    assert told["confusion"][2][2] == 2
