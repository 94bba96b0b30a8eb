import numpy as np
import pandas as pd
import pytest
import torch

from analysis import records
from retina_data.index import read_index
from retina_models.resnet import resnet18
from study.config import TrialConfig
from study.predict import predict
from study.prepared import Prepared, prepare_data
from study.testpart import read_test, reading
from study.train import TrainingError
from tests.study_fixture import SMALL, small_data

CONFIG = TrialConfig(**SMALL)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("testpart")
    dataset = read_index(small_data(folder / "data"))
    return prepare_data(dataset, folder, image_size=32, crop="disc", val_fraction=0.3, seed=0, select_on="validation")


def test_every_test_image_is_predicted_once_in_its_row(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = resnet18(seed=3).state_dict()
    whole = read_test(weights, CONFIG, prepared, torch.device("cpu"))
    monkeypatch.setattr("study.testpart.PIECE", 5)
    pieces = read_test(weights, CONFIG, prepared, torch.device("cpu"))
    rows = np.flatnonzero(prepared.parts == "test")
    assert whole["row"].tolist() == pieces["row"].tolist() == rows.tolist()
    assert whole["grade"].tolist() == prepared.cache.table["grade"].iloc[rows].tolist()
    images = torch.from_numpy(prepared.cache.images[rows]).permute(0, 3, 1, 2)
    expected = predict(resnet18(seed=3), images, normalisation=CONFIG.normalisation, precision="fp32").numpy()
    for table in (whole, pieces):
        np.testing.assert_allclose(table[[f"p{grade}" for grade in records.GRADES]], expected, atol=1e-5)


def test_weights_that_give_no_numbers_are_a_failure(prepared: Prepared) -> None:
    weights = {
        name: value * float("nan") if value.is_floating_point() else value
        for name, value in resnet18().state_dict().items()
    }
    with pytest.raises(TrainingError, match="must be finite, but are not on the test part; lower lr"):
        read_test(weights, CONFIG, prepared, torch.device("cpu"))


def _table(grades: list[int], guesses: list[int], clean: list[bool]) -> pd.DataFrame:
    chances = np.eye(5)[guesses]
    table = pd.DataFrame({"row": range(len(grades)), "patient": range(len(grades)), "grade": grades, "clean": clean})
    return table.assign(**{f"p{grade}": chances[:, grade] for grade in records.GRADES})


def test_the_clean_patients_are_measured_apart() -> None:
    told = reading(_table([0, 0, 1, 2], [0, 1, 1, 0], [True, False, True, False]))
    assert (told["n"], told["n_clean"]) == (4, 2)
    assert (told["scores"]["test/accuracy"], told["scores"]["test_clean/accuracy"]) == (0.5, 1.0)
    assert np.sum(told["confusion"]) == 4
    assert told["clean"][0][0] == told["clean"][1][1] == 1
    assert {name for name in told["scores"]} <= {*records.TEST_METRICS, *records.CLEAN_METRICS}


def test_where_all_are_clean_nothing_is_said_twice() -> None:
    told = reading(_table([0, 1], [0, 0], [True, True]))
    assert not [name for name in told["scores"] if name.startswith("test_clean/")]
    assert told["clean"] == told["confusion"]
    assert "test/recall_2" not in told["scores"]


def test_where_nobody_is_clean_there_are_no_clean_scores() -> None:
    told = reading(_table([0, 1], [0, 0], [False, False]))
    assert told["n_clean"] == 0
    assert not [name for name in told["scores"] if name.startswith("test_clean/")]
