"""Hyperparameters against the score, and all of them in parallel."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection

from analysis.figures import hyperparameters
from analysis.results.study_runs import StudyRuns
from tests.fixtures.figures import panels


def test_hyperparameters_are_those_that_vary_and_split_by_arm(searched: StudyRuns) -> None:
    numbers = hyperparameters.hyperparameter_numbers(searched)
    assert list(numbers["hyperparameter"].unique()) == ["lr", "imbalance"]
    assert set(numbers["trial"]) == {"0000", "0001", "0002", "0004"}  # those that have a score
    axes = panels(2, 2)
    hyperparameters.draw_hyperparameters(axes, numbers, "kappa")
    shown = [[one.get_offsets() for one in panel.collections] for panel in axes]
    assert [[len(one) for one in panel] for panel in shown] == [[2, 1], [1, 0], [2, 1], [1, 0]]  # complete, stopped
    lr = searched.trials.set_index("trial").loc[["0000", "0002"], ["best_val_kappa", "lr"]]
    np.testing.assert_allclose(shown[0][0], lr)
    assert [label.get_text() for label in axes[2].get_yticklabels()] == ["none", "focal"]
    assert axes[0].get_ylabel() == "lr"
    assert axes[2].get_xlabel() == "kappa (quadratic\nweights)"
    assert len({panel.get_xlim() for panel in axes}) == 1


def test_parallel_lines_go_through_cell_hyperparameters_and_score(searched: StudyRuns) -> None:
    numbers = hyperparameters.parallel_numbers(searched)
    assert list(numbers.columns) == ["rank", "trial", "arm", "label", "state", "lr", "imbalance", "score"]
    assert list(numbers["score"]) == sorted(numbers["score"], reverse=True)
    (panel,) = panels(1, 1)
    hyperparameters.draw_parallel([panel], numbers, "kappa")
    thin, thick = (one for one in panel.collections if isinstance(one, LineCollection))
    assert [hyperparameters.thick(number) for number in (1, 9, 30, 1000)] == [1, 1, 3, 12]
    assert len(thin.get_segments()) == 3
    (best,) = thick.get_segments()
    assert best[-1, 1] == 1  # the best trial ends at the top of the last axis
    assert tuple(np.round(thick.get_colors()[0][:3], 2)) == (0.0, 0.4, 0.29)
    assert [label.get_text() for label in panel.get_xticklabels()][0] == "arm"
