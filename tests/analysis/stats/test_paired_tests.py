"""Families of differences: against all flips listed, their duality, and by simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from analysis.stats import paired_tests
from analysis.stats.bootstrap import configuration_interval
from analysis.stats.influence import ByPatient, by_patient
from analysis.stats.metrics import quadratic_kappa
from analysis.stats.paired_tests import simultaneous


def family(values: list[float], influence: np.ndarray) -> list[ByPatient]:
    return [ByPatient(value, one) for value, one in zip(values, influence.T, strict=True)]


def test_few_patients_give_the_share_of_all_flips() -> None:
    influence = np.random.default_rng(3).normal(size=(10, 3)) / 10
    influence -= influence.mean(axis=0)
    made = family([0.3, -0.5, 0.1], influence)
    found = simultaneous(made, influence, np.random.default_rng(0))
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    largest = np.abs(signs @ (influence / np.sqrt((influence**2).sum(axis=0)))).max(axis=1)
    for one, p in zip(made, found.p, strict=True):
        t = abs(one.value) / np.sqrt(one.variance)
        reached = (
            int((largest >= norm.isf(student.sf(t, one.freedom)) - 1e-6).sum()) // 2
        )  # a flip of all says the same
        assert p == pytest.approx((reached + 1) / (2**9 + 1))


def test_a_p_is_at_most_the_level_exactly_where_the_interval_leaves_out_0() -> None:
    rng = np.random.default_rng(5)
    claimed = 0
    for patients in (3, 12, 40):
        for _ in range(40):
            influence = rng.standard_t(3, size=(patients, 4)) / patients
            made = family(list(rng.normal(size=4) * 5.0 / np.sqrt(patients)), influence)
            found = simultaneous(made, influence, np.random.default_rng(0))
            apart = (found.low > 0) | (found.high < 0)
            assert (apart == (found.p <= 0.05)).all()
            assert (found.low <= [one.value for one in made]).all()
            claimed += apart.sum()
    assert claimed > 20


def test_what_no_patient_moves_is_told_apart_from_what_cannot_be_tested() -> None:
    influence = np.zeros((30, 3))
    influence[:, 2] = np.tile([0.01, -0.01], 15)
    found = simultaneous(family([0.0, 0.5, 0.02], influence), influence, np.random.default_rng(0))
    assert (found.low[0], found.high[0], found.p[0]) == (0.0, 0.0, 1.0)
    assert np.isnan([found.low[1], found.high[1], found.p[1]]).all()
    assert found.low[2] < 0.02 < found.high[2]
    nothing = simultaneous(family([0.0], influence[:, :1]), influence[:, :1], np.random.default_rng(0))
    assert nothing.p.tolist() == [1.0]


def test_four_patients_are_too_few_for_any_claim() -> None:
    influence = np.array([[0.01], [-0.01], [0.01], [-0.01]])
    found = simultaneous(family([5.0], influence), influence, np.random.default_rng(0))
    assert found.p[0] == pytest.approx(1 / 9) and found.low[0] == -np.inf


def test_drawn_flips_agree_with_listed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    influence = np.random.default_rng(7).normal(size=(14, 6)) / 14
    made = family([0.5, 0.2, -0.4, 0.1, 0.0, 0.3], influence)
    listed = simultaneous(made, influence, np.random.default_rng(0))
    monkeypatch.setattr(paired_tests, "FEW", 3)
    drawn = simultaneous(made, influence, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.p, listed.p, atol=0.005)
    np.testing.assert_allclose(drawn.low, listed.low, rtol=0.02)
    assert (drawn.p == simultaneous(made, influence, np.random.default_rng(0)).p).all()


NOISE = 1.4
BETTER = 1.05
"""Noise of a model that is better by 0.1 in kappa (0.69 against 0.79, printed)."""


def studies(patients: int, rounds: int, last: float, rng: np.random.Generator) -> np.ndarray:
    """Grades and predictions, as places 0..24, of four models (4, rounds, patients): grade plus noise, rounded, of
    which 40 % is the patient's own; two eyes alike, so each patient counts once; grades as on IDRiD. last: the
    fourth's noise."""
    grade = rng.choice(5, size=(rounds, patients), p=[0.33, 0.05, 0.33, 0.18, 0.11])
    own, noise = rng.normal(size=grade.shape), rng.normal(size=(4, *grade.shape))
    scale = np.array([NOISE, NOISE, NOISE, last])[:, None, None]
    called = np.clip(np.rint(grade + scale * (np.sqrt(0.4) * own + np.sqrt(0.6) * noise)), 0, 4).astype(int)
    return 5 * grade + called


def families(places: np.ndarray) -> np.ndarray:
    """Whether each of six differences in kappa is claimed (rounds, 6)."""
    found = []
    for study in np.moveaxis(places, 1, 0):  # (4, patients)
        counts = np.eye(25, dtype=np.int64)[study].reshape(4, study.shape[1], 1, 5, 5)
        of = [by_patient(one, "kappa") for one in counts]
        made = [of[b].minus(of[a]) for a, b in combinations(range(4), 2)]
        family = simultaneous(made, np.stack([one.influence for one in made], axis=1), np.random.default_rng(0))
        found.append(family.p <= 0.05)
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize(("patients", "rounds"), [(60, 1000), (150, 800), (400, 500)])
def test_four_equal_arms_are_rarely_told_apart_and_a_better_one_is(
    patients: int, rounds: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any claim of superiority in at most 5 % of studies plus two Monte Carlo errors; the power is printed."""
    monkeypatch.setattr(paired_tests, "FLIPS", 1000)
    rng = np.random.default_rng(patients)
    error = np.sqrt(0.05 * 0.95 / rounds)
    false = families(studies(patients, rounds, NOISE, rng)).any(axis=1).mean()
    claims = families(studies(patients, rounds // 4, BETTER, rng))
    power = claims[:, [2, 4, 5]].mean()
    kappas = [
        float(quadratic_kappa(np.bincount(one.ravel(), minlength=25).reshape(5, 5)))
        for one in studies(4000, 50, BETTER, rng)[[0, 3]]
    ]
    with capsys.disabled():
        print(f"\n{patients} patients, four equal arms: any claim in {false:.1%} of studies (Monte Carlo error "
              f"{error:.1%}); kappa {kappas[0]:.3f} and {kappas[1]:.3f} told apart in {power:.0%}")  # fmt: skip
    assert false <= 0.05 + 2 * error
    assert kappas[1] - kappas[0] == pytest.approx(0.1, abs=0.02)
    assert power > {60: 0.02, 150: 0.1, 400: 0.5}[patients]


@pytest.mark.slow
def test_the_family_is_of_models_and_the_configurations_interval_of_configurations(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four equal configurations whose seeds differ by 0.25 in their noise (1.4), three seeds each, 400 patients.

    Their trained models do differ, and the family may rightly say so; only the configurations' intervals, at the level
    that all six share, say that configurations may not.
    """
    monkeypatch.setattr(paired_tests, "FLIPS", 1000)
    rounds, patients, seeds = 200, 400, 3
    rng = np.random.default_rng(11)
    models, configurations = 0, 0
    for _ in range(rounds):
        grade = rng.choice(5, size=patients, p=[0.33, 0.05, 0.33, 0.18, 0.11])
        own, noise = rng.normal(size=patients), rng.normal(size=(4, seeds, patients))
        scale = rng.normal(NOISE, 0.25, size=(4, seeds, 1))
        called = np.clip(np.rint(grade + scale * (np.sqrt(0.4) * own + np.sqrt(0.6) * noise)), 0, 4).astype(int)
        counts = np.eye(25, dtype=np.int64)[5 * grade + called].reshape(4, seeds, patients, 5, 5)
        of = [by_patient(np.moveaxis(one, 0, 1), "kappa") for one in counts]
        each = [quadratic_kappa(one.sum(axis=1)) for one in counts]
        pairs = list(combinations(range(4), 2))
        made = [of[b].minus(of[a]) for a, b in pairs]
        found = simultaneous(made, np.stack([one.influence for one in made], axis=1), rng)
        models += (found.p <= 0.05).any()
        intervals = [
            configuration_interval(each[b] - each[a], one.variance, level=1 - 0.05 / 6)
            for (a, b), one in zip(pairs, made, strict=True)
        ]
        configurations += any(one.low > 0 or one.high < 0 for one in intervals)
    error = np.sqrt(0.05 * 0.95 / rounds)
    with capsys.disabled():
        print(f"\nof four equal configurations the trained models are told apart in {models / rounds:.1%} of studies, "
              f"the configurations in {configurations / rounds:.1%} (Monte Carlo error {error:.1%})")  # fmt: skip
    assert configurations / rounds <= 0.05 + 2 * error
    assert models / rounds > configurations / rounds
