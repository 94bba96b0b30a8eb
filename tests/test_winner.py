import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from study.checkpoints import BEST, PREDICTIONS
from study.config import ConfigError
from study.ledger import read_events
from study.predict import predict
from study.winner import find_winner, photographs
from tests.winner_fixture import COLUMNS, NAME, Made, confirm, copy_of, folds, made_study, write_ledger


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


def test_without_confirmation_it_is_the_best_trial(made: Made) -> None:
    winner = find_winner(made.home, NAME)
    assert (winner.trial, winner.confirm, winner.epoch) == ("0001", "", 1)
    assert winner.test() is None
    assert "not confirmed" in winner.told()
    pd.testing.assert_frame_equal(winner.validation(), made.predictions)
    cache = photographs(made.home, winner)
    assert cache is not None
    images = torch.from_numpy(cache.images[winner.validation()["row"].to_numpy()]).permute(0, 3, 1, 2)
    again = predict(winner.network(), images, normalisation="imagenet", precision="fp32")
    assert np.allclose(again.numpy(), made.predictions[COLUMNS], atol=1e-5)


def test_a_confirmed_winner_is_its_first_repeat_whatever_the_test_part_says(made: Made) -> None:
    confirm(made, "c0001", repeat=1)
    test = confirm(made, "c0000", repeat=0)
    winner = find_winner(made.home, NAME)
    assert (winner.trial, winner.confirm) == ("0001", "c0000")
    found = winner.test()
    assert found is not None
    assert found["row"].tolist() == test["row"].tolist()
    assert winner.config.seed == 77
    assert "confirmed as c0000" in winner.told()
    shutil.rmtree(made.folder / "checkpoints" / "c0000")
    assert find_winner(made.home, NAME).confirm == "c0001"


def test_a_confirmation_of_another_trial_or_without_an_end_does_not_count(made: Made) -> None:
    confirm(made, "c0000", trial="0000")
    assert find_winner(made.home, NAME).confirm == ""
    confirm(made, "c0001")
    events = [
        e for e in read_events(made.folder / "ledger.jsonl")[0] if (e["event"], e.get("trial")) != ("end", "c0001")
    ]
    write_ledger(made, events)
    assert find_winner(made.home, NAME).confirm == ""


def test_an_arm_can_be_asked_for(made: Made) -> None:
    assert find_winner(made.home, NAME, "resnet18-scratch").trial == "0001"
    with pytest.raises(ConfigError, match="an ended trial of the arm resnet50-scratch with a score"):
        find_winner(made.home, NAME, "resnet50-scratch")
    with pytest.raises(ConfigError, match=r"--arm must be one of .*but got 'vgg'"):
        find_winner(made.home, NAME, "vgg")


def test_what_is_not_there_is_said_with_a_remedy(made: Made) -> None:
    with pytest.raises(ConfigError, match="study other must exist"):
        find_winner(made.home, "other")
    with pytest.raises(ConfigError, match="`retina status --home there` lists them"):
        find_winner(made.home, "other", again=" --home there")
    winner = find_winner(made.home, NAME)
    (made.folder / "checkpoints" / "0001" / PREDICTIONS).unlink()
    with pytest.raises(ConfigError, match="predictions.parquet of a trained model must hold"):
        winner.validation()
    (made.folder / "checkpoints" / "0001" / BEST).unlink()
    with pytest.raises(ConfigError, match="retina train --from-run made/0001"):
        find_winner(made.home, NAME)


def test_the_cache_is_known_by_its_manifest_and_others_are_passed_over(made: Made) -> None:
    winner = find_winner(made.home, NAME)
    for name, text in (("a", "no json"), ("b", "[]"), ("c", '{"digest": "x"}')):
        (made.home / "cache" / name).mkdir()
        (made.home / "cache" / name / "manifest.json").write_text(text)
    cache = photographs(made.home, winner)
    assert cache is not None
    assert cache.folder.name == made.prepared.cache.folder.name
    shutil.rmtree(made.home / "cache")
    assert photographs(made.home, winner) is None


def test_of_folds_it_is_the_first_fold_s_in_the_arm_that_is_best_on_average(made: Made) -> None:
    folds(made, "many", 2)
    winner = find_winner(made.home, "many")
    assert winner.study == "many-fold1"
    assert [one.study for one in winner.siblings] == ["many-fold2"]
    assert find_winner(made.home, "many-fold2").siblings == ()


def test_a_fold_that_did_not_begin_is_named_and_another_fold_s_weights_are_not_needed(made: Made) -> None:
    folds(made, "many", 2)
    for folder in (made.home / "many-fold2" / "checkpoints").iterdir():
        (folder / BEST).unlink(missing_ok=True)
    assert [one.study for one in find_winner(made.home, "many").siblings] == ["many-fold2"]
    (made.home / "many-fold2" / "ledger.jsonl").unlink()
    with pytest.raises(ConfigError, match="many-fold2 did not begin; go on with `retina search many`"):
        find_winner(made.home, "many")
