"""Bounds of shares: against SciPy's, monotone, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from analysis.stats.shares import effective_patients, share_interval

ROUNDS = 20_000


def test_whole_numbers_give_clopper_and_pearson_s_bounds() -> None:
    for hits, total in ((5153, 7025), (0, 10), (7, 7), (24, 25)):
        exact = binomtest(hits, total).proportion_ci(method="exact")
        assert share_interval(hits / total, total) == pytest.approx((exact.low, exact.high), abs=1e-9)
    low, high = share_interval(0.8, 50, level=0.99)
    assert (low, high) == pytest.approx(tuple(binomtest(40, 50).proportion_ci(0.99, "exact")), abs=1e-9)
    assert np.isnan(share_interval(0.5, 0)).all() and np.isnan(share_interval(float("nan"), 3)).all()


def test_both_bounds_rise_with_the_share() -> None:
    for patients in (1.0, 7.5, 25.0, 400.0):
        bounds = np.array([share_interval(share, patients) for share in np.linspace(0, 1, 201)])
        assert (np.diff(bounds[:, 0]) >= 0).all() and (np.diff(bounds[:, 1]) >= 0).all()
        assert bounds[0, 0] == 0.0 and bounds[-1, 1] == 1.0


def test_images_of_one_patient_count_as_one() -> None:
    assert effective_patients([1] * 30) == effective_patients([2] * 30) == 30
    assert effective_patients([100] + [2] * 30) == pytest.approx(160**2 / (100**2 + 120))
    assert effective_patients([0, 0]) == effective_patients([]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.82, 0.95])
@pytest.mark.parametrize("patients", [20, 50, 400])
def test_a_bound_is_beyond_the_truth_in_at_most_its_share_of_studies(
    patients: int, truth: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two eyes of each patient, alike in all, half or none of them."""
    rng, lines = np.random.default_rng(patients), []
    effective = effective_patients(np.full(patients, 2))
    error = np.sqrt(0.025 * 0.975 / ROUNDS)
    for alike in (1.0, 0.5, 0.0):
        first, second = rng.random((2, ROUNDS, patients)) < truth
        second = np.where(rng.random(first.shape) < alike, first, second)
        hits = (first.sum(axis=1) + second.sum(axis=1)).astype(int)
        bounds = {count: share_interval(count / (2 * patients), effective) for count in np.unique(hits).tolist()}
        above = float(np.mean([bounds[count][0] > truth for count in hits.tolist()]))
        below = float(np.mean([bounds[count][1] < truth for count in hits.tolist()]))
        lines.append(f"eyes alike {alike:.0%}: {above:.2%}, {below:.2%}")
        assert above <= 0.025 + 2 * error and below <= 0.025 + 2 * error
    with capsys.disabled():
        print(f"\n{patients} patients, true share {truth}: lower bound above, upper bound below it ({'; '.join(lines)}"
              f"; Monte Carlo error {error:.2%})")  # fmt: skip
