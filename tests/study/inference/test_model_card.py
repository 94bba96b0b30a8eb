import re
from dataclasses import replace

import pytest

from analysis.schema import FINDING_NO_PATIENTS
from analysis.stats.calibration import Referral, Temperature
from analysis.tables.model_card_scores import RESAMPLES, score_split
from study.inference.best_model import BestModel
from study.inference.model_card import GUESSED_PATIENTS, Facts, model_card
from study.inference.model_dir import Settings
from study.inference.model_selection import find_best_model
from tests.fixtures.mlflow import LAB_TEST, TrialSpec, predictions
from tests.fixtures.study import confirmation_event, evaluation_event
from tests.fixtures.winner import NAME, made_study

NAN = float("nan")
SETTINGS = Settings(
    architecture="resnet18", head="linear", temperature=1.25, referable_threshold=0.375, weights_sha256="a" * 64,
    origin={},
)  # fmt: skip


@pytest.fixture(scope="module")
def winner() -> BestModel:
    return find_best_model(made_study().home, NAME)


def _facts(spec: TrialSpec, split: str = "validation (chosen there: optimistic)") -> Facts:
    return Facts(
        scores=[score_split(split, predictions(spec), "most_probable")],
        referrals={split: Referral(0.375, 8, 10, 0, 0, (0.5, 0.95), (NAN, NAN))},
        temperature=Temperature(1.25, 0.9, 0.8, ""),
        settings=SETTINGS,
        files={"model.safetensors": "weights"},
        check="Checked.",
    )


def test_tables_have_as_many_cells_in_each_row(winner: BestModel) -> None:
    card = model_card(winner, _facts(TrialSpec(1, "resnet18-scratch")))
    tables = re.findall(r"(?:^\|.*\|\n)+", card, re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert table.splitlines()[1].replace("|", "").split() == ["---"] * (table.splitlines()[0].count("|") - 1)
    headings = re.findall(r"^## (.*)", card, re.MULTILINE)
    expected = "Scores; Probabilities and referral; Intended use; What it must not be used for; Data; Files; Licence"
    assert "; ".join(headings) == expected


def test_referral_and_temperature_are_stated(winner: BestModel) -> None:
    card = model_card(winner, _facts(TrialSpec(1, "resnet18-scratch")))
    assert "temperature of 1.25, fitted on validation" in card
    assert "reaches 0.375" in card
    assert "| 10 | 0.800 (0.500 to 0.950) | 0 | undefined |" in card
    assert "by photograph" not in card


def test_every_score_has_its_interval(winner: BestModel) -> None:
    card = model_card(winner, _facts(TrialSpec(1, "resnet18-scratch", skill=0.7)))
    scores, recalls, _ = (line for line in card.splitlines() if line.startswith("| validation (chosen"))
    interval = r"\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)"
    assert len(re.findall(rf"\| {interval} (?=\|)", scores)) == 5
    assert len(re.findall(rf"\| {interval}, n \d+ (?=\|)", recalls)) == 5
    assert "95 % intervals over patients, both eyes together, of this model" in card
    assert f"of others by {RESAMPLES:,} resamples" in card


def test_model_card_of_a_constant_predictor(winner: BestModel) -> None:
    card = model_card(winner, _facts(TrialSpec(0, "resnet18-scratch", confusion=LAB_TEST)))
    assert "**Constant predictor on validation" in card
    assert "| 7,025 |" in card
    assert "0.7335" in card
    assert "Constant predictor" not in model_card(winner, _facts(TrialSpec(1, "resnet18-scratch", skill=0.9)))


def test_the_lab_s_way_of_choosing_is_said(winner: BestModel) -> None:
    began = replace(
        winner.began,
        config=winner.began.config | {"select_on": "test"},
        weights={"resnet18": {"source": "imagenet", "kind": "imagenet", "digest": "b" * 64}},
        audit=winner.began.audit | {"fellow_copy": {"accuracy": 0.84728, "kappa": 0.7, "n": 7026, "copied": 5618}},
    )
    config = winner.config.model_copy(update={"pretrained": True})
    card = model_card(replace(winner, began=began, config=config), _facts(TrialSpec(1, "resnet18-scratch")))
    assert "on test, chosen on test among" in card
    assert "begun from pretrained weights imagenet (kind imagenet, SHA-256 bbbbbbbbbbbb)" in card
    assert "scores 0.8473 on the test list (n 7,026)" in card
    made = {"source": "synthetic-resnet18.safetensors", "kind": "synthetic", "digest": "b" * 64}
    began = replace(began, weights={"resnet18": made})
    card = model_card(replace(winner, began=began, config=config), _facts(TrialSpec(1, "resnet18-scratch")))
    assert "begun from pretrained weights synthetic-resnet18.safetensors (kind synthetic, SHA-256 bbbbbbbbbbbb)" in card


def test_patients_that_are_a_guess_are_said_to_be_one(winner: BestModel) -> None:
    guess = {"findings": [{"kind": FINDING_NO_PATIENTS, "count": 3, "text": "names that tell no patient: 3"}]}
    began = replace(winner.began, audit=winner.began.audit | guess)
    card = model_card(replace(winner, began=began), _facts(TrialSpec(1, "resnet18-scratch")))
    assert GUESSED_PATIENTS in card and "names that tell no patient: 3" in card
    assert GUESSED_PATIENTS not in model_card(winner, _facts(TrialSpec(1, "resnet18-scratch")))


@pytest.mark.parametrize("views", [1, 4, 8])
@pytest.mark.parametrize("decision", ["most_probable", "median"])
def test_what_the_model_averages_and_how_it_calls_a_grade_is_said(winner: BestModel, views: int, decision: str) -> None:
    settings = SETTINGS.model_copy(update={"views": views, "decision": decision, "members": 3})
    card = model_card(winner, replace(_facts(TrialSpec(1, "resnet18-scratch")), settings=settings))
    seen = {1: "the photograph as it is", 4: "4 views of the photograph", 8: "8 views of the photograph"}[views]
    assert f"- probabilities: the mean over 3 networks and {seen}" in card
    assert ("had gone)" in card) == (views != winner.config.views)
    assert ("- grade: the median grade" in card) == (decision == "median")
    assert ("- grade: the most probable grade" in card) == (decision == "most_probable")


def test_what_finalists_decided_is_said(winner: BestModel) -> None:
    chosen = replace(winner.chosen, repeats=2, score=0.51234)
    card = model_card(replace(winner, chosen=chosen), _facts(TrialSpec(1, "resnet18-scratch")))
    assert "trained again 2 times with fresh seeds on other validation splits: 0.5123" in card


def test_seeds_as_one_model_are_named(winner: BestModel) -> None:
    def seed(name: str) -> BestModel:
        confirm, test = confirmation_event(0, epochs=1), evaluation_event(earlier=2)
        record = replace(winner.record, trial=name, confirm=confirm, test=test)
        return replace(winner, record=record)

    together = replace(seed("c0000"), others=(seed("c0001"), seed("c0002")))
    facts = _facts(TrialSpec(1, "resnet18-scratch"))
    card = model_card(together, replace(facts, settings=SETTINGS.model_copy(update={"members": 3})))
    assert "3 confirmations (c0000, c0001, c0002) of trial 0001, each with its own seed" in card
    assert "read once for each of the 3 networks" in card
    assert "2 readings came before the first" in card
