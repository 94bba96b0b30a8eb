import numpy as np
import pytest
from scipy.special import softmax

from analysis.stats.calibration import (
    SENSITIVITY,
    calibration_error,
    choose_threshold,
    fit_temperature,
    referral,
    referral_probability,
    with_temperature,
)
from analysis.stats.roc import reliability
from analysis.stats.shares import share_interval


def _overconfident(factor: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Predictions whose logits are `factor` times those that the grades were drawn from."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 5)) * 2
    truth = np.array([rng.choice(5, p=chances) for chances in softmax(logits, axis=1)])
    return softmax(factor * logits, axis=1), truth


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_certainty_and_too_little(factor: float) -> None:
    chances, truth = _overconfident(factor)
    found = fit_temperature(chances, truth)
    assert found.value == pytest.approx(factor, rel=0.06)
    assert found.caveat == ""
    assert found.after <= found.before
    after = with_temperature(chances, found.value)
    assert float(-np.log(after[np.arange(len(truth)), truth]).mean()) == pytest.approx(found.after)
    assert np.array_equal(after.argmax(axis=1), chances.argmax(axis=1))


def test_a_temperature_can_be_undone_and_1_changes_nothing() -> None:
    chances, _ = _overconfident(2.0, n=50)
    assert np.allclose(with_temperature(chances, 1.0), chances)
    assert np.allclose(with_temperature(with_temperature(chances, 3.0), 1 / 3.0), chances)
    stored = np.array([[1.0, 0, 0, 0, 0]], np.float32)
    assert np.isfinite(with_temperature(stored, 2.0)).all()


def test_without_a_wrong_prediction_there_is_nothing_to_fit() -> None:
    found = fit_temperature(np.eye(5) * 0.9 + 0.02, np.arange(5))
    assert found.value == 1.0
    assert "nothing to fit" in found.caveat


def test_predictions_that_are_always_wrong_end_at_the_bound_and_say_so() -> None:
    found = fit_temperature(np.tile([0.96, 0.01, 0.01, 0.01, 0.01], (20, 1)), np.full(20, 3))
    assert found.value > 15
    assert "bound" in found.caveat


def test_the_threshold_finds_the_share_that_is_asked_for() -> None:
    chances, truth = _overconfident(1.0, n=1000)
    threshold = choose_threshold(chances, truth)
    patients = np.arange(1000) // 2
    got = referral(chances, truth, patients, threshold)
    assert got.sensitivity >= SENSITIVITY
    assert got.sensitivity < SENSITIVITY + 0.01
    assert got.referable + got.healthy == 1000
    higher = referral(chances, truth, patients, threshold * 1.05)
    assert higher.sensitivity < got.sensitivity or higher.specificity > got.specificity
    assert np.allclose(referral_probability(chances), chances[:, 2] + chances[:, 3] + chances[:, 4])


def test_without_both_kinds_the_threshold_is_one_half_and_shares_are_undefined() -> None:
    chances, _ = _overconfident(1.0, n=30)
    assert choose_threshold(chances, np.zeros(30, np.int64)) == 0.5
    patients = np.arange(30)
    healthy, ill = (referral(chances, np.full(30, grade), patients, 0.5) for grade in (0, 4))
    assert np.isnan([healthy.sensitivity, *healthy.sensitivity_bounds]).all()
    assert np.isnan([ill.specificity, *ill.specificity_bounds]).all()
    assert healthy.specificity_bounds[0] < healthy.specificity < healthy.specificity_bounds[1]


def test_two_eyes_that_are_alike_count_as_one_patient() -> None:
    one_eye, truth = _overconfident(1.0, n=400)
    chances, grades, photographs = np.repeat(one_eye, 2, axis=0), np.repeat(truth, 2), np.arange(800)
    by_patient = referral(chances, grades, photographs // 2, 0.4)
    by_photograph = referral(chances, grades, photographs, 0.4)
    for name, hits, total in (
        ("sensitivity", by_patient.found, by_patient.referable),
        ("specificity", by_patient.passed, by_patient.healthy),
    ):
        (low, high), narrow = (getattr(one, f"{name}_bounds") for one in (by_patient, by_photograph))
        assert low < getattr(by_patient, name) < high
        assert (high - low) / (narrow[1] - narrow[0]) == pytest.approx(np.sqrt(2), rel=0.08)
        assert (low, high) == pytest.approx(
            share_interval(hits / total, total / 2)
        )  # as many patients, each of one eye


def test_all_found_is_still_not_certain_and_patients_are_counted() -> None:
    grades = np.repeat([0, 3], 10)
    chances = np.eye(5)[grades]
    got = referral(chances, grades, np.arange(20) // 2, 0.5)
    assert (got.sensitivity, got.specificity) == (1.0, 1.0)
    assert got.sensitivity_bounds == pytest.approx((0.025 ** (1 / 5), 1.0))  # Clopper and Pearson's of 5 of 5 patients
    assert got.specificity_bounds == got.sensitivity_bounds
    one = referral(chances[5:15], grades[5:15], np.zeros(10, np.int64), 0.5)
    assert one.sensitivity_bounds == pytest.approx((0.025, 1.0))  # of 1 of 1


def _calibrated(patients: int, shift: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of two eyes of each patient that are too high by `shift`, what happened, and patients."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(4, 2, size=2 * patients)
    happened = np.repeat(rng.random(patients), 2)
    happened = np.where(rng.random(2 * patients) < 0.5, happened, rng.random(2 * patients))
    return probability, happened < np.clip(probability - shift, 0, 1), np.repeat(np.arange(patients), 2)


def test_the_calibration_error_is_that_of_the_bins_and_its_noise_is_taken_away() -> None:
    probability, hit, patients = _calibrated(60, 0.1, 1)
    found = calibration_error(probability, hit, patients)
    assert found.value == pytest.approx(reliability(probability, hit).error)
    assert found.bounds[0] < found.corrected < found.value < found.bounds[1]
    one = calibration_error(probability[:2], hit[:2], patients[:2])
    assert np.isnan(one.bounds).all()
    nothing = calibration_error(np.zeros(0), np.zeros(0, bool), np.zeros(0, np.int64))
    assert np.isnan(nothing.corrected)


@pytest.mark.slow
def test_a_perfectly_calibrated_model_is_not_called_a_bad_one(capsys: pytest.CaptureFixture[str]) -> None:
    """What is left of the error after its noise is taken away, and how often the interval holds the true error."""
    lines, rounds = [], 200
    for patients in (12, 60, 206):
        for shift in (0.0, 0.15):
            found = [calibration_error(*_calibrated(patients, shift, seed)) for seed in range(rounds)]
            seen, left = (float(np.mean([getattr(one, name) for one in found])) for name in ("value", "corrected"))
            held = float(np.mean([one.bounds[0] <= shift <= one.bounds[1] for one in found]))
            lines.append(f"{2 * patients} images, true {shift}: seen {seen:.3f}, left {left:.3f}, held {held:.0%}")
            assert left < 0.5 * seen if shift == 0 else abs(left - shift) < 0.6 * abs(seen - shift) + 0.03
            assert held >= 0.9 - 2 * np.sqrt(0.9 * 0.1 / rounds)
    with capsys.disabled():
        print("\n" + "; ".join(lines))
