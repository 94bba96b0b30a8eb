"""What a report says of a study in each state that it can be in: sentences that must stand there, and that must not.

Each row is a study made from grades and predictions; what is said is the answer, the page's caveats and the sentences
about a threshold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from analysis import schema
from analysis.report import summary, table_caveats
from analysis.report.summary import Answer
from analysis.results.study_runs import StudyRuns
from analysis.stats import paired_tests
from analysis.tables import leaderboard, score_models
from analysis.tables.all_tables import TableSet, make_tables
from tests.fixtures.studies import (
    PRETRAINED18,
    PRETRAINED50,
    SCRATCH18,
    SCRATCH50,
    Confirm,
    Eyes,
    Made,
    Trial,
    confirmed,
    eyes,
    grader,
    one_grade,
    opposite,
    study_of,
)

ARMS = (SCRATCH18, PRETRAINED18, SCRATCH50, PRETRAINED50)
TEST = eyes(60, 2)
VALIDATION = eyes(40, 1)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(score_models, "RESAMPLES", 50)
    monkeypatch.setattr(leaderboard, "CORRECTION_RESAMPLES", 50)
    monkeypatch.setattr(paired_tests, "FLIPS", 2000)
    yield


@dataclass(frozen=True)
class Said:
    """All that is said of a study; pages: beside the answer."""

    study: StudyRuns
    made: TableSet
    answer: list[str]
    page: list[str]

    @property
    def text(self) -> str:
        return "\n".join([*self.answer, *self.page])


def said(made: Made, threshold: float = 0.82) -> Said:
    study = study_of(made)
    tables = make_tables(study, threshold)
    page = [*table_caveats.caveats(study, tables), summary.reaching(tables, threshold)]
    return Said(study, tables, summary.answer(study, tables).sentences, page)


def seeds(test: Eyes, skill: float, first: int, count: int = 3) -> list[np.ndarray]:
    return [grader(test, skill, first + number) for number in range(count)]


def four(skills: tuple[float, ...] = (0.7, 0.7, 0.7, 0.7), test: Eyes = TEST, count: int = 3, **more: object) -> Made:
    models = {
        arm: seeds(test, skill, 10 * place, count) for place, (arm, skill) in enumerate(zip(ARMS, skills, strict=True))
    }
    return confirmed(models, test, **more)  # type: ignore[arg-type]


def two(one: list[np.ndarray | None], other: list[np.ndarray | None], test: Eyes = TEST, **more: object) -> Made:
    return confirmed({SCRATCH18: one, PRETRAINED18: other}, test, **more)  # type: ignore[arg-type]


def alone(models: list[np.ndarray | None], test: Eyes = TEST, **more: object) -> Made:
    return confirmed({SCRATCH18: models}, test, **more)  # type: ignore[arg-type]


def searched(*skills: float, arm: str = SCRATCH18, **more: object) -> Made:
    trials = [Trial(arm, grader(VALIDATION, skill, number)) for number, skill in enumerate(skills)]
    return Made(trials, validation=VALIDATION, **more)  # type: ignore[arg-type]


def of_patients(count: int) -> Made:
    test = eyes(count, 2)
    return two(seeds(test, 0.7, 1), seeds(test, 0.7, 7), test)


def noisy(test: Eyes, seed: int) -> np.ndarray:
    """A model that is a grade off, or right, by chance, the same on both eyes of a patient."""
    _, place = np.unique(test.patient, return_inverse=True)
    return np.clip(test.grade + np.random.default_rng(seed).integers(-1, 2, size=place.max() + 1)[place], 0, 4)


def far(test: Eyes, wrong: int) -> np.ndarray:
    """A model that calls so many patients of grade 0 grade 4, and is right for the others."""
    hit = np.unique(test.patient[test.grade == 0])[:wrong]
    return np.where(np.isin(test.patient, hit), 4, test.grade)


def near(test: Eyes, wrong: int) -> np.ndarray:
    """The same one grade off."""
    hit = np.unique(test.patient[test.grade == 0])[:wrong]
    return np.where(np.isin(test.patient, hit), 1, test.grade)


def folds(confirmed_in: dict[str, tuple[int, ...]], best: tuple[str, ...], skills: dict[str, float]) -> Made:
    """Three folds of 30 patients; best: the arm that validation chooses in each; confirmed_in: arm -> folds."""
    test = {fold: eyes(30, fold, first=100 * fold) for fold in (1, 2, 3)}
    trials, confirms = [], []
    for fold in (1, 2, 3):
        for number, arm in enumerate(skills):
            trials.append(Trial(arm, grader(VALIDATION, 0.9 if arm == best[fold - 1] else 0.6, number), fold=fold))
            confirms += [
                Confirm(number, seed, grader(test[fold], skills[arm], 9 * number + seed), fold=fold)
                for seed in range(2 * (fold in confirmed_in.get(arm, ())))
            ]
    return Made(trials, confirms, validation=VALIDATION, test=test, folds=3)


def easy_fold() -> Made:
    """One arm is confirmed in the first fold alone, whose test images it finds easy; another in all of them."""
    made = folds({SCRATCH18: (1, 2, 3), PRETRAINED18: (1,)}, (SCRATCH18,) * 3, {SCRATCH18: 0.6, PRETRAINED18: 0.9})
    easy = [grader(made.test[1], 0.9, 5 + number) for number in range(2)]  # type: ignore[index]
    return replace(
        made, confirms=[replace(one, predicted=easy[one.seed]) if one.fold == 1 else one for one in made.confirms]
    )


def with_extension(later: float = 200.0) -> Made:
    """A trial of another arm, better on validation, begun after the test split was read."""
    made = two(seeds(TEST, 0.7, 1), seeds(TEST, 0.7, 7))
    more = Trial(PRETRAINED18, grader(VALIDATION, 1.0, 3), started=later)
    return replace(made, trials=[*made.trials, more])


def winner_failed() -> Made:
    """Of the arm's two best configurations the first failed three times."""
    trials = [Trial(SCRATCH18, grader(VALIDATION, skill, number)) for number, skill in enumerate((0.9, 0.7))]
    failed = [Confirm(0, seed, None, schema.STATE_FAILED) for seed in range(3)]
    return Made(trials, failed + [Confirm(1, n, one) for n, one in enumerate(seeds(TEST, 0.7, 1))], VALIDATION, TEST)


def with_gain(winner: float, first: float) -> Made:
    trials = [Trial(SCRATCH18, grader(VALIDATION, skill, number)) for number, skill in enumerate((0.6, 0.9))]
    confirms = [Confirm(1, n, one) for n, one in enumerate(seeds(TEST, winner, 1))]
    confirms += [Confirm(0, n, one, baseline=True) for n, one in enumerate(seeds(TEST, first, 7))]
    return Made(trials, confirms, VALIDATION, TEST)


def rare(share: float = 0.9) -> Eyes:
    grade = np.repeat(np.where(np.arange(50) < round(50 * share), 0, 2), 2)
    return Eyes(grade, np.repeat(np.arange(50), 2))


def big_patient() -> Eyes:
    usual = eyes(30, 4)
    return Eyes(np.append(usual.grade, np.tile([0, 2], 50)), np.append(usual.patient, np.full(100, 99)))


def without_grades() -> Eyes:
    return eyes(60, 3, mix=(0.6, 0.0, 0.4, 0.0, 0.0))


def ticked(finding: str, text: str) -> dict[str, object]:
    return {"audit": {"findings": [{"kind": finding, "count": 120, "text": text}]}}


Row = tuple[str, Callable[[], Made], list[str], list[str]]
NO_RANK = ["highest", "best arm", "scores highest", "-0.000", "+0.000", "nan"]
TABLE: list[Row] = [
    (
        "test accuracy below the threshold that validation reaches",
        lambda: replace(
            four((0.75,) * 4), trials=[Trial(arm, grader(VALIDATION, 0.95, n)) for n, arm in enumerate(ARMS)]
        ),
        [
            "On the test split (120 images; chosen on validation) no confirmed winner has an accuracy of 82 % or more",
            "On validation (80 images; chosen on them) 4 configurations reach an accuracy of 82 % by the estimate",
        ],
        [],
    ),
    (
        "four equal models of 60 patients",
        four,
        ["No difference in kappa between these models of the arms"],
        ["is ahead of"],
    ),
    (
        "four equal models by chance",
        lambda: confirmed({arm: [noisy(TEST, 3 * n + k) for k in range(3)] for n, arm in enumerate(ARMS)}, TEST),
        ["can be told from 0, all 6 differences taken together"],
        ["is ahead of"],
    ),
    (
        "the chosen arm is not the one with the highest test score",
        lambda: four((0.5, 0.95, 0.95, 0.95)),
        [
            "quadratic weighted kappa of the arm that validation chose (ResNet18 from scratch), is 0.8",
            "of these models ResNet18 with pretraining is ahead of ResNet18 from scratch by",
        ],
        ["`retina export` takes"],
    ),
    (
        "an arm that was confirmed in the easy fold alone",
        easy_fold,
        [
            "kappa of the arm that validation chose in every fold (ResNet18 from scratch)",
            "of 3 outer folds taken together",
            "arms are compared on the images alone that both were measured on",
            "Of ResNet18 with pretraining 1 of 3 folds are confirmed so far.",
        ],
        ["ResNet18 with pretraining is ahead"],
    ),
    (
        "folds that chose different arms",
        lambda: folds(
            {SCRATCH18: (1, 2, 3), PRETRAINED18: (1, 2, 3)},
            (SCRATCH18, PRETRAINED18, PRETRAINED18),
            {SCRATCH18: 0.7, PRETRAINED18: 0.7},
        ),
        [
            "the arm that validation chose in each fold (ResNet18 from scratch in fold 1; ResNet18 with pretraining in "
            "folds 2 and 3)",
            "the number is that of choosing an arm in each fold, and of no single model",
            "of 3 outer folds taken together, mean of 2 seeds",
            "`retina export` takes ResNet18 with pretraining",
        ],
        [],
    ),
    (
        "folds of which two are confirmed",
        lambda: folds({SCRATCH18: (1, 2)}, (SCRATCH18,) * 3, {SCRATCH18: 0.7}),
        ["2 of 3 folds are confirmed so far", "of 2 outer folds taken together"],
        ["of 3 outer folds taken together"],
    ),
    (
        "folds that are not confirmed",
        lambda: folds({}, (SCRATCH18,) * 3, {SCRATCH18: 0.7, PRETRAINED18: 0.7}),
        [
            "is not measured: the test split has not been read.",
            "the first place in 3 of 3 folds by kappa, among 6 ended trials over all folds",
        ],
        ["p ="],
    ),
    (
        "identical arms",
        lambda: confirmed({arm: [TEST.grade * 0 + grader(TEST, 0.7, 1)] for arm in ARMS}, TEST),
        ["These models of the arms have the same kappa."],
        ["is ahead of", "cannot be told"],
    ),
    (
        "arms that each give one grade",
        lambda: confirmed({arm: [one_grade(TEST)] * 2 for arm in ARMS}, TEST),
        ["No arm is shown to beat chance", "have the same kappa.", "have learned nothing", "is 0, by definition, on"],
        ["is ahead of"],
    ),
    (
        "the objective is accuracy",
        lambda: two(seeds(TEST, 0.95, 1), seeds(TEST, 0.4, 7), tags={schema.TAG_OBJECTIVE: "accuracy"}),
        [
            "The primary endpoint, accuracy of the arm that validation chose (ResNet18 from scratch), is 0.950 (0.",
            "In accuracy, of these models ResNet18 from scratch is ahead of ResNet18 with pretraining by",
            "; p ",
        ],
        ["In kappa"],
    ),
    (
        "the same accuracy, and kappa far apart",
        lambda: two([near(TEST, 8)] * 3, [far(TEST, 8)] * 3),
        ["In kappa, of these models ResNet18 from scratch is ahead of ResNet18 with pretraining by 0."],
        [],
    ),
    (
        "the same kappa difference in the objective accuracy is only described",
        lambda: two([near(TEST, 8)] * 3, [far(TEST, 8)] * 3, tags={schema.TAG_OBJECTIVE: "accuracy"}),
        [
            "These models of the arms have the same accuracy; kappa, which is described and not tested, differs: "
            "ResNet18 from scratch minus ResNet18 with pretraining, +0.",
        ],
        ["is ahead of"],
    ),
    (
        "one error of 25 patients",
        lambda: alone([near(eyes(25, 3), 1)], eyes(25, 3)),
        ["Its accuracy is 0.960 (0.796 to 0.999)"],
        [],
    ),
    (
        "no error of 25 patients",
        lambda: alone([eyes(25, 3).grade], eyes(25, 3)),
        ["Its accuracy is 1.000 (0.863 to 1.000)", "is 1.000 (no interval)", "as every patient is graded right"],
        [],
    ),
    (
        "forty equal trials",
        lambda: searched(*[0.825] * 40),
        ["by the lower bound, corrected for 40 configurations, and beyond the majority class, none does"],
        ["a confirmation on the test split"],
    ),
    (
        "a majority class beyond the threshold",
        lambda: alone([one_grade(rare())] * 3, rare()),
        [
            "On the test split (100 images; chosen on validation) no confirmed winner has an accuracy of 82 % or more",
            "constant predictor",
        ],
        [],
    ),
    (
        "one seed of three failed",
        lambda: two([*seeds(TEST, 0.7, 1, 2), None], list(seeds(TEST, 0.7, 7))),
        [
            "Confirmations are missing: of ResNet18 from scratch 1 failed, 2 measured; what is measured holds on the "
            "condition that failing has nothing to do with how good a model is.",
            "mean of 2 seeds",
        ],
        [],
    ),
    (
        "all seeds of the winner failed and the second best stands for the arm",
        winner_failed,
        [
            "ResNet18 from scratch is measured by trial 0001, as no confirmation of trial 0000, which validation put "
            "before it, was measured"
        ],
        ["by now trial", "the search found nothing"],
    ),
    (
        "all seeds of the chosen arm failed",
        lambda: two([None] * 3, list(seeds(TEST, 0.7, 7))),
        [
            "quadratic weighted kappa of the arm that validation chose (ResNet18 from scratch) on the test split, "
            "is not measured: all its confirmations failed (3).",
            "Of the others one arm was measured: ResNet18 with pretraining has kappa 0.9",
        ],
        ["no confirmation of this arm has been measured"],
    ),
    (
        "a study that was extended after its test split was read",
        with_extension,
        [
            "kappa of the arm that validation chose before the test split was read (ResNet18 from scratch)",
            "1 trial was begun after that, so what it found may rest on what had been read",
            "`retina export` takes ResNet18 with pretraining, which stands first on validation by now",
        ],
        ["the search found nothing", "never saw", "not seen by the search"],
    ),
    (
        "the same trial before the reading",
        lambda: with_extension(later=1.0),
        ["kappa of the arm that validation chose (ResNet18 with pretraining)"],
        ["begun after that"],
    ),
    (
        "a confirmation whose predictions were not recorded",
        lambda: replace(
            two(seeds(TEST, 0.7, 1), seeds(TEST, 0.7, 7)),
            confirms=[
                replace(one, counts=one.trial == 0 and one.seed == 0)
                for one in two(seeds(TEST, 0.7, 1), seeds(TEST, 0.7, 7)).confirms
            ],
        ),
        ["of ResNet18 from scratch 1 without recorded predictions, 2 measured", "mean of 2 seeds"],
        [],
    ),
    (
        "no predictions were recorded at all",
        lambda: replace(
            alone(seeds(TEST, 0.7, 1)),
            confirms=[replace(one, counts=True) for one in alone(seeds(TEST, 0.7, 1)).confirms],
        ),
        [
            "kappa has no interval, as predictions were not recorded",
            "mean of 3 seeds",
            "Whether an arm beats chance is not tested, since kappa has no interval.",
        ],
        ["of 60 patients", "not shown", "3 without"],
    ),
    (
        "two constant predictors of different grades",
        lambda: alone([one_grade(TEST, 0), one_grade(TEST, 2)]),
        ["2 of its 2 models give every image a single grade each (grade 0; grade 2) and have learned nothing"],
        ["all 120 images get the same grade"],
    ),
    (
        "one constant predictor of three",
        lambda: alone([one_grade(TEST, 0), *seeds(TEST, 0.7, 1, 2)]),
        [
            "1 of its 3 models gives every image a single grade (grade 0)",
            "1 of 3 models of ResNet18 from scratch is a constant predictor",
        ],
        [],
    ),
    (
        "few patients and a constant predictor",
        lambda: alone([one_grade(eyes(30, 3))] * 3, eyes(30, 3)),
        ["an accuracy anywhere from"],
        ["a kappa anywhere"],
    ),
    (
        "all kappas below 0",
        lambda: confirmed({arm: [opposite(TEST)] for arm in ARMS}, TEST),
        ["are worse than chance: the interval of kappa lies below 0, as where grades are counted in the wrong"],
        ["every interval of kappa holds 0", "is ahead of"],
    ),
    (
        "one arm that does not beat chance",
        lambda: alone([opposite(TEST)]),
        ["ResNet18 from scratch is worse than chance: the interval of kappa lies below 0"],
        ["No arm", "is not shown to beat"],
    ),
    (
        "one patient with most images",
        lambda: alone([grader(big_patient(), 0.8, n) for n in range(3)], big_patient()),
        ["one patient has 62 % of the 160 images", "kappa has no interval, as most images are of a few patients"],
        [],
    ),
    (
        "grades that the test split does not have",
        lambda: alone([grader(without_grades(), 0.8, n) for n in range(3)], without_grades()),
        ["no image has grade 1 or 3 or 4, so kappa, balanced accuracy, macro F1 and AUC are of the other grades alone"],
        [],
    ),
    (
        "a test split of one grade",
        lambda: alone(
            [grader(eyes(30, 3, mix=(1.0, 0, 0, 0, 0)), 0.8, n) for n in range(3)], eyes(30, 3, mix=(1.0, 0, 0, 0, 0))
        ),
        ["is undefined", "kappa is undefined, since all images have the same grade"],
        ["beat chance", "other grades alone"],
    ),
    (
        "three seeds",
        lambda: alone(seeds(TEST, 0.7, 1)),
        ["for one more seed on the same training images and split the 95 % interval of kappa is"],
        ["with any seed", "tell hardly anything"],
    ),
    (
        "two seeds",
        lambda: alone(seeds(TEST, 0.7, 1, 2)),
        ["2 seeds tell hardly anything of other seeds"],
        [],
    ),
    (
        "one seed",
        lambda: two(seeds(TEST, 0.95, 1, 1), seeds(TEST, 0.4, 7, 1)),
        ["what another seed would give is not known", "of these models ResNet18 from scratch is ahead"],
        ["with another seed of each"],
    ),
    ("no trial", lambda: Made([]), ["No trial has ended with a score yet (none has been started)"], ["endpoint"]),
    (
        "unfinished",
        lambda: Made([Trial(SCRATCH18, None, schema.STATE_RUNNING), Trial(SCRATCH18, None, schema.STATE_FAILED)]),
        [
            "No trial has ended with a score yet (1 failed, 1 running)",
            "1 of 2 trials is still to go on",
            "1 trial failed",
        ],
        ["endpoint"],
    ),
    (
        "one trial",
        lambda: searched(0.8),
        [
            "of the only arm that ran (ResNet18 from scratch) on the test split, is not measured: the test split has",
            "ResNet18 from scratch holds the only ended trial",
            "epoch was chosen on the validation split: its numbers are optimistic, and hold for this trained model",
        ],
        ["Arms are not compared", "were all chosen", "validation chose"],
    ),
    (
        "one arm of three trials",
        lambda: searched(0.8, 0.6, 0.5),
        ["ResNet18 from scratch holds the first of 3 ended trials by kappa", "the numbers are optimistic"],
        ["Arms are not compared", "as good as"],
    ),
    (
        "trials that tie on validation",
        lambda: Made([Trial(arm, grader(VALIDATION, 0.7, 1)) for arm in ARMS], validation=VALIDATION),
        [
            "by kappa, as good as 3 others, of which the first begun counts: kappa",
            "Arms are not compared by a test here",
        ],
        ["is ahead of", "p ="],
    ),
    (
        "chosen on the test split",
        lambda: replace(searched(0.8, 0.6), tags={schema.TAG_SELECTION_SPLIT: "test"}),
        [
            "This study has no primary endpoint: epochs and trials were chosen on the test split, and no other is "
            "left, so every number here is optimistic.",
            "on 80 test images",
            "On the test split (80 images; chosen on them)",
        ],
        ["was not recorded when", "On validation"],
    ),
    (
        "perfect arms",
        lambda: confirmed({arm: [TEST.grade] * 3 for arm in ARMS}, TEST),
        [
            "is 1.000 (no interval)",
            "Its accuracy is 1.000 (0.940 to 1.000)",
            "These models of the arms have the same kappa.",
        ],
        ["beat chance", "1.000 to 1.000)"],
    ),
    (
        "a constant winner of validation",
        lambda: Made([Trial(SCRATCH18, one_grade(VALIDATION))], validation=VALIDATION),
        ["this model gives every image the same grade and has learned nothing", "is not shown to beat chance"],
        [],
    ),
    (
        "twelve patients",
        lambda: of_patients(12),
        [
            "kappa has no interval, as fewer than 20 patients do not hold one",
            "kappa has no interval, so nothing is said",
        ],
        ["is ahead", "No arm is shown", "95 % interval of kappa is"],
    ),
    (
        "forty patients",
        lambda: of_patients(40),
        ["an accuracy anywhere from"],
        ["kappa has no interval"],
    ),
    (
        "one patient",
        lambda: alone([grader(eyes(1, 0), 1.0)], eyes(1, 0, mix=(0.5, 0, 0.5, 0, 0))),
        ["on 2 test images of 1 patient, of one seed", "kappa is undefined"],
        ["one patient has"],
    ),
    (
        "patients that are not known",
        lambda: alone(seeds(TEST, 0.7, 1), study=ticked(schema.FINDING_NO_PATIENTS, "")),
        ["of 120 images the data does not say whose they are"],
        ["of 60 patients", "95 % over patients"],
    ),
    (
        "patients that may be wrong",
        lambda: alone(seeds(TEST, 0.7, 1), study=ticked(schema.FINDING_DOUBTFUL_PATIENTS, "all are of one. Name them")),
        ["the patients of this data may be wrong (all are of one; name them)"],
        ["of 60 patients"],
    ),
    (
        "no new patient",
        lambda: alone([grader(eyes(60, 2), 0.7, n) for n in range(3)], eyes(60, 2, new_patients=False)),
        ["each patient of the test split has an image in training too, so nothing is known of new patients"],
        ["not in training,"],
    ),
    (
        "some new patients",
        lambda: alone(seeds(TEST, 0.7, 1), eyes(60, 2, new_patients=np.arange(120) >= 60)),
        ["on 60 test images of 30 patients who are not in training", "Of the 120 test images 60 are of patients"],
        [],
    ),
    (
        "a gain over the first trial",
        lambda: with_gain(0.95, 0.4),
        [
            "Over the first trial of ResNet18 from scratch the search gained, of these models, kappa +",
            "same training images",
        ],
        ["with any seed"],
    ),
    ("no gain", lambda: with_gain(0.7, 0.7), ["that these patients could show: kappa"], ["the search gained, of"]),
    ("a loss", lambda: with_gain(0.4, 0.95), ["Of these models the winner is worse than the first trial"], []),
    (
        "a chosen arm that is not confirmed beside one that is",
        lambda: replace(
            two(seeds(TEST, 0.7, 1), []),
            trials=[Trial(SCRATCH18, grader(VALIDATION, 0.6, 0)), Trial(PRETRAINED18, grader(VALIDATION, 0.9, 1))],
        ),
        [
            "the arm that validation chose (ResNet18 with pretraining) on the test split, is not measured: no "
            "confirmation"
        ],
        ["is ahead"],
    ),
    (
        "confirmations that are still running",
        lambda: replace(
            two(seeds(TEST, 0.7, 1), seeds(TEST, 0.7, 7)),
            confirms=[
                replace(one, predicted=None, state=schema.STATE_RUNNING) if one.seed == 2 else one
                for one in two(seeds(TEST, 0.7, 1), seeds(TEST, 0.7, 7)).confirms
            ],
        ),
        ["of ResNet18 from scratch 1 not ended, 2 measured", "2 of 6 confirmations are still to go on"],
        ["failing has nothing to do"],
    ),
    (
        "an endpoint that was not recorded when the study began",
        lambda: alone(seeds(TEST, 0.7, 1), tags={schema.TAG_PRIMARY_ENDPOINT: ""}),
        ["the primary endpoint was not recorded when the study began"],
        [],
    ),
]


def test_the_table_has_as_many_rows_as_it_should_and_none_twice() -> None:
    names = [name for name, *_ in TABLE]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize(("made", "must", "must_not"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_said(made: Callable[[], Made], must: list[str], must_not: list[str]) -> None:
    found = said(made())
    for words in must:
        assert words in found.text, f"{words!r} is not in:\n{found.text}"
    for words in [*must_not, *NO_RANK]:
        assert words not in found.text, f"{words!r} is in:\n{found.text}"
    assert len(found.answer) <= summary.MOST
    for sentence in found.answer:
        assert sentence.endswith(".") and not re.search(r"[.!?] [A-Z]", sentence), sentence
    pairs = found.made.pairs[found.made.pairs["p_adjusted"].notna()]
    for pair in pairs.to_dict("records"):
        low, high = (pair[f"{pair['score']}_difference{end}"] for end in ("_low", "_high"))
        assert (low > 0 or high < 0) == (pair["p_adjusted"] <= 0.05), pair
    endpoint = found.made.endpoint.iloc[0]
    if endpoint["status"] == "run":
        name = summary.FULL_NAMES[endpoint["score"]]
        arm = "the arm that validation chose" if found.made.board["arm"].nunique() > 1 else "the only arm that ran"
        assert found.answer[0].startswith(f"The primary endpoint, {name} of {arm}")
    assert not any(one in " ".join(found.answer) for one in summary.beside(Answer(found.answer), found.page))


def test_more_of_a_patients_right_images_never_lower_a_bound() -> None:
    """From none right to all right of 25 patients, one image after the other."""
    test = eyes(25, 3)
    bounds = []
    for right in range(test.grade.size + 1):
        predicted = np.where(
            np.arange(test.grade.size) < right, test.grade, np.where(test.grade < 4, test.grade + 1, 3)
        )
        counts = np.zeros((25, 1, 5, 5), dtype=np.int64)
        np.add.at(counts, (test.patient, 0, test.grade, predicted), 1)
        bounds.append(score_models.share_bounds(counts)["accuracy"])
    assert np.all(np.diff([low for low, _ in bounds]) > 0) or np.all(np.diff([low for low, _ in bounds[1:]]) > 0)
    assert np.all(np.diff([high for _, high in bounds[:-1]]) > 0)
