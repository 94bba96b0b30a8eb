import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from study.errors import ConfigError
from study.inference.best_model import photographs
from study.inference.model_selection import find_best_model
from study.storage.events import TrialFinished
from study.storage.ledger import read_events
from study.storage.state import study_state
from study.training.checkpoints import BEST, PREDICTIONS
from study.training.prediction import predict
from tests.fixtures.study import end_event, finalist_event, write_ledger
from tests.fixtures.winner import COLUMNS, NAME, Made, confirm, copy_of, folds, made_study


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return copy_of(made_study(), tmp_path)


def test_without_confirmation_it_is_the_best_trial(made: Made) -> None:
    winner = find_best_model(made.home, NAME)
    assert (winner.trial, winner.confirm, winner.epoch) == ("0001", "", 1)
    assert winner.test() is None
    assert "not confirmed" in winner.description()
    pd.testing.assert_frame_equal(winner.validation(), made.predictions)
    cache = photographs(made.home, winner)
    assert cache is not None
    images = torch.from_numpy(cache.images[winner.validation()["row"].to_numpy()]).permute(0, 3, 1, 2)
    again = predict(winner.network(), images, normalisation="imagenet", precision="fp32")
    assert np.allclose(again.numpy(), made.predictions[COLUMNS], atol=1e-5)


def test_a_confirmed_winner_is_its_first_repeat_whatever_the_test_part_says(made: Made) -> None:
    confirm(made, "c0001", repeat=1)
    test = confirm(made, "c0000", repeat=0)
    winner = find_best_model(made.home, NAME)
    assert (winner.trial, winner.confirm) == ("0001", "c0000")
    found = winner.test()
    assert found is not None
    assert found["row"].tolist() == test["row"].tolist()
    assert winner.config.seed == 77
    assert "confirmed as c0000" in winner.description()
    shutil.rmtree(made.folder / "checkpoints" / "c0000")
    assert find_best_model(made.home, NAME).confirm == "c0001"


def test_all_confirmed_seeds_are_one_model(made: Made) -> None:
    tests = [
        confirm(made, "c0000", repeat=1, weights_of="0001"),
        confirm(made, "c0001", repeat=0),
    ]
    confirm(made, "c0002", trial="0000")  # of another configuration
    winner = find_best_model(made.home, NAME, ensemble=True)
    assert [one.record.trial for one in winner.members] == ["c0001", "c0000"]  # by the number of the seed
    assert winner.confirm == "c0001, c0000"
    assert "its 2 confirmed seeds as one model (c0001, c0000)" in winner.description()
    found, calibration = winner.test(), winner.calibration()
    assert found is not None
    assert calibration is not None
    assert np.allclose(found[COLUMNS], (tests[0][COLUMNS] + tests[1][COLUMNS]) / 2, atol=1e-7)
    assert found[["row", "patient", "grade", "new_patients"]].equals(
        tests[0][["row", "patient", "grade", "new_patients"]]
    )
    cache = photographs(made.home, winner)
    assert cache is not None
    images = torch.from_numpy(cache.images[calibration["row"].to_numpy()]).permute(0, 3, 1, 2)
    again = predict(winner.grader(4), images, normalisation="imagenet", precision="fp32").numpy()
    assert np.allclose(again, calibration[COLUMNS], atol=1e-5)
    assert not np.allclose(again, winner.validation()[COLUMNS], atol=1e-3)
    assert find_best_model(made.home, NAME).others == ()


def test_too_few_seeds_or_one_whose_weights_have_gone_are_no_ensemble(made: Made) -> None:
    with pytest.raises(ConfigError, match="needs at least two confirmed seeds of the winner, but trial 0001 .* has 0"):
        find_best_model(made.home, NAME, ensemble=True)
    confirm(made, "c0000")
    with pytest.raises(ConfigError, match=r"has 1; confirm it with `retina confirm made --seeds 3 --home there`"):
        find_best_model(made.home, NAME, rerun_flags=" --home there", ensemble=True)
    confirm(made, "c0001", repeat=1)
    (made.folder / "checkpoints" / "c0001" / BEST).unlink()
    with pytest.raises(ConfigError, match="that of c0001 has gone"):
        find_best_model(made.home, NAME, ensemble=True)


def test_finalists_decide_which_trial_it_is(made: Made) -> None:
    events = read_events(made.folder / "ledger.jsonl")[0]
    trial_0 = study_state(events).trials["0000"]
    for number, (trial, kappa) in enumerate((("0000", 0.4), ("0001", 0.3))):
        name = f"f{number:04}"
        started = replace(finalist_event(number, trial), config=trial_0.config)
        scores = trial_0.epochs[0].scores | {"val/kappa": kappa}
        events += [started, replace(trial_0.epochs[0], trial=name, scores=scores), end_event(name)]
    write_ledger(made.folder, *events)
    winner = find_best_model(made.home, NAME)
    assert (winner.trial, winner.record.trial) == ("0000", "0000")
    assert (winner.chosen.repeats, winner.chosen.score) == (1, 0.4)


def test_a_confirmation_of_another_trial_or_without_an_end_does_not_count(made: Made) -> None:
    confirm(made, "c0000", trial="0000")
    assert find_best_model(made.home, NAME).confirm == ""
    confirm(made, "c0001")
    events = read_events(made.folder / "ledger.jsonl")[0]
    events = [event for event in events if not (isinstance(event, TrialFinished) and event.trial == "c0001")]
    write_ledger(made.folder, *events)
    assert find_best_model(made.home, NAME).confirm == ""


def test_an_arm_can_be_asked_for(made: Made) -> None:
    assert find_best_model(made.home, NAME, "resnet18-scratch").trial == "0001"
    with pytest.raises(ConfigError, match="an ended trial of the arm resnet50-scratch with a score"):
        find_best_model(made.home, NAME, "resnet50-scratch")
    with pytest.raises(ConfigError, match=r"--arm must be one of .*but got 'vgg'"):
        find_best_model(made.home, NAME, "vgg")


def test_what_is_not_there_is_said_with_a_remedy(made: Made) -> None:
    with pytest.raises(ConfigError, match="study other must exist"):
        find_best_model(made.home, "other")
    with pytest.raises(ConfigError, match="`retina status --home there` lists them"):
        find_best_model(made.home, "other", rerun_flags=" --home there")
    winner = find_best_model(made.home, NAME)
    (made.folder / "checkpoints" / "0001" / PREDICTIONS).unlink()
    with pytest.raises(ConfigError, match="predictions.parquet of a trained model must hold"):
        winner.validation()
    (made.folder / "checkpoints" / "0001" / BEST).unlink()
    with pytest.raises(ConfigError, match="retina train --reproduce made/0001"):
        find_best_model(made.home, NAME)


def test_of_folds_it_is_the_first_fold_s_in_the_arm_that_is_best_on_average(made: Made) -> None:
    folds(made, "many", 2)
    winner = find_best_model(made.home, "many")
    assert winner.study == "many-fold1"
    assert [one.study for one in winner.siblings] == ["many-fold2"]
    assert find_best_model(made.home, "many-fold2").siblings == ()
    with pytest.raises(ConfigError, match="many-fold1 has 0; confirm it with `retina confirm many --seeds 3`"):
        find_best_model(made.home, "many", ensemble=True)


def test_a_fold_that_did_not_begin_is_named_and_another_fold_s_weights_are_not_needed(made: Made) -> None:
    folds(made, "many", 2)
    for folder in (made.home / "many-fold2" / "checkpoints").iterdir():
        (folder / BEST).unlink(missing_ok=True)
    assert [one.study for one in find_best_model(made.home, "many").siblings] == ["many-fold2"]
    (made.home / "many-fold2" / "ledger.jsonl").unlink()
    with pytest.raises(ConfigError, match="many-fold2 did not begin; go on with `retina search many`"):
        find_best_model(made.home, "many")


def test_of_folds_each_has_its_own_seeds_as_one_model(made: Made) -> None:
    tests = [confirm(made, "c0000"), confirm(made, "c0001", repeat=1, weights_of="0001")]
    folds(made, "many", 2)
    winner = find_best_model(made.home, "many", ensemble=True)
    for one in (winner, *winner.siblings):
        assert [member.record.trial for member in one.members] == ["c0000", "c0001"]
        table = one.test()
        assert table is not None
        assert np.allclose(table[COLUMNS], (tests[0][COLUMNS] + tests[1][COLUMNS]) / 2, atol=1e-7)
    assert [one.study for one in (*winner.members, *winner.siblings)] == ["many-fold1", "many-fold1", "many-fold2"]
