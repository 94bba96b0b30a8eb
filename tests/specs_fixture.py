"""Trials and confirmations as tests want them, and the predictions that such models make."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis import records

ARMS = tuple(records.ARM_LABELS)
LAB_TEST = (5153, 488, 1082, 175, 127)
"""Grades 0..4 of the lab's published test confusion."""


@dataclass(frozen=True)
class TrialSpec:
    """One trial: its model is right with probability `skill`, else it guesses by the grades' mix."""

    number: int
    arm: str
    skill: float = 0.5
    state: str = records.STATE_COMPLETE
    epochs: int = 3
    best: bool = True  # False: ended or broke off before a selected epoch was recorded
    confusion: tuple[int, ...] | None = None  # true grades 0..4 of a model that calls everything grade 0
    params: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    patients: int = 60  # each with two eyes


@dataclass(frozen=True)
class ConfirmSpec:
    """One confirmation of a trial: right on the test part with probability `skill`."""

    number: int
    confirms: TrialSpec
    repeat: int = 0
    skill: float = 0.5
    state: str = records.STATE_COMPLETE
    clean: float = 1.0  # share of the test patients who are not in training
    read: bool = True  # False: trained, the test part not read yet
    one_grade: bool = False  # a model that calls everything grade 0
    baseline: bool = False  # there to measure the search's gain


@dataclass(frozen=True)
class FinalistSpec:
    """A trial again on other validation patients, where its model is right with probability `skill`."""

    number: int
    repeats: TrialSpec
    repeat: int = 0
    skill: float = 0.5
    state: str = records.STATE_COMPLETE


def predictions(spec: TrialSpec) -> pd.DataFrame:
    """Predictions of two eyes for each patient, grades of both alike; the same patients for every trial."""
    if spec.confusion is not None:
        grade = np.repeat(np.arange(5), spec.confusion)
        patient = np.arange(grade.size) // 2
        chance = np.tile([0.8, 0.05, 0.05, 0.05, 0.05], (grade.size, 1))
    else:
        mix = np.random.default_rng(7)
        grade = np.repeat(mix.choice(5, size=spec.patients, p=[0.735, 0.07, 0.15, 0.025, 0.02]), 2)
        grade[:10] = np.repeat(np.arange(5), 2)
        patient = np.repeat(np.arange(spec.patients), 2)
        rng = np.random.default_rng(spec.number)
        guess = np.where(rng.random(grade.size) < spec.skill, grade, rng.permutation(grade))
        chance = 0.1 * rng.dirichlet(np.ones(5), size=grade.size)
        chance[np.arange(grade.size), guess] += 0.9
    columns = {"row": np.arange(grade.size), "patient": patient, "grade": grade}
    return pd.DataFrame(columns | {f"p{place}": chance[:, place] for place in range(5)})


def predictions_on_test(spec: ConfirmSpec, patients: int = 80, fold: int = 0, folds: int = 1) -> pd.DataFrame:
    """Test predictions of two eyes for each patient; the same patients for every confirmation.

    Of fold 1.. only the patients who are in it: rows and patients are numbered over the whole data set.
    """
    mix = np.random.default_rng(11)
    grade = np.repeat(mix.choice(5, size=patients, p=[0.735, 0.07, 0.15, 0.025, 0.02]), 2)
    grade[:20] = np.repeat(np.arange(5), 4)
    patient = np.repeat(np.arange(patients), 2)
    rng = np.random.default_rng(1000 + spec.number)
    guess = np.where(rng.random(grade.size) < spec.skill, grade, rng.permutation(grade))
    guess = np.zeros_like(grade) if spec.one_grade else guess
    chance = 0.1 * rng.dirichlet(np.ones(5), size=grade.size)
    chance[np.arange(grade.size), guess] += 0.9
    clean = patient >= round((1 - spec.clean) * patients)
    columns = {"row": np.arange(grade.size), "patient": patient, "grade": grade, "clean": clean}
    table = pd.DataFrame(columns | {f"p{place}": chance[:, place] for place in range(5)})
    return table[patient % folds == fold - 1].reset_index(drop=True) if fold else table
