"""What samplers and early stopping are worth: real searches over curves that were recorded before.

A suggestion is answered by the nearest recorded configuration, in the coordinates that samplers see: position in a
range (of its logarithm where it is drawn so), one coordinate for each value of a list. Each axis weighs so much that
two random draws differ in it by the same mean square; one that only one of the two has does not count, as the axis
that decides over it differs already. Which of the recorded repeats answers is drawn by the search's seed; finalists are
answered by the repeat that the trial did not have. What is chosen is judged by its repeats' mean kappa on 1,000 test
photographs, which no search saw.

Asked, stopped and recorded by the program's own code; `tests.benchmarks.record_curves` made the curves.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from study.config.axes import Range
from study.config.search_space import condition_holds, drawn
from study.config.study import StudyConfig, make_study_config
from study.storage.events import EpochFinished, TrialFinished
from study.storage.ledger import read_events
from study.storage.ranking import candidates
from study.storage.state import TrialRecord, study_state
from study.tuning.recorder import Recorder
from tests.benchmarks.record_curves import EPOCHS, SPACE, recorded
from tests.benchmarks.serial import drive, policy_of, report_of, search, started

SAMPLERS, STOPPING, BUDGETS, SEEDS = ("random", "tpe", "gp"), ("none", "halving", "hyperband"), (8, 24, 64), 20
RESAMPLES, LEAST = 2000, 50


def study_of(sampler: str, stopping: str, trials: int, seed: int, finalists: int | None = 0) -> StudyConfig:
    """The search whose answers are replayed: one arm, the space that was recorded."""
    fixed = {"epochs": EPOCHS, "image_size": 28, "architecture": "resnet18", "pretrained": False}
    values = {"trials": trials, "sampler": sampler, "early_stopping": stopping, "seed": seed, "finalists": finalists}
    return make_study_config({**values, "repeats": 1, "fixed": fixed, "space": SPACE}, {})


class Curves:
    """The recorded runs, found by configuration."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self._axes = drawn(study_of("random", "none", 1, 0))
        by_number: dict[int, dict[int, dict[str, Any]]] = {}
        for run in runs:
            number, repeat = (int(text) for text in run["run"].split("/"))
            by_number.setdefault(number, {})[repeat] = run
        self.runs = [repeats for _, repeats in sorted(by_number.items()) if len(repeats) > 1]
        self._points = [self._point(repeats[0]["config"]) for repeats in self.runs]

    def _point(self, config: dict[str, Any]) -> dict[str, Any]:
        """Coordinates of a configuration: a number is its position in its range, a word is itself."""
        found: dict[str, Any] = {}
        for name, one in self._axes.items():
            if not condition_holds(one.condition, config):
                continue
            value = config[one.field]
            if isinstance(one.axis, Range):
                low, high, value = (math.log(x) if one.axis.log else x for x in (one.axis.low, one.axis.high, value))
                value = (value - low) / (high - low)
            found[name] = value
        return found

    def nearest(self, config: dict[str, Any]) -> int:
        """Position in `runs` of the configuration that is nearest, the first among equals."""
        mine = self._point(config)
        return int(np.argmin([self._distance(mine, other) for other in self._points]))

    def _distance(self, a: dict[str, Any], b: dict[str, Any]) -> float:
        total = 0.0
        for name in set(a) & set(b):
            axis = self._axes[name].axis
            if isinstance(axis, Range):
                total += 6 * float(a[name] - b[name]) ** 2  # 1/6: mean square of two uniform draws
            else:
                total += (a[name] != b[name]) / (1 - 1 / len(axis))
        return total

    def truth(self, config: dict[str, Any]) -> float:
        """Mean test kappa of a configuration's repeats, by the median grade."""
        return float(np.mean([run["test"]["kappa_median"] for run in self.runs[self.nearest(config)].values()]))


@dataclass(frozen=True)
class Replay:
    """One search of 64 trials. Epochs spent after each trial, its best score so far, and what would be chosen then.

    spent, best, true: (64,); best and true are NaN while no trial has a score. chosen: by number of trials, what is
    named without finalists and with them; final_epochs: what those cost.
    """

    spent: NDArray[np.float64]
    best: NDArray[np.float64]
    true: NDArray[np.float64]
    claimed: dict[int, tuple[float, float]]
    chosen: dict[int, tuple[float, float]]
    final_epochs: dict[int, int]


def answers(curves: Curves, seed: int) -> Any:
    """What trains, from the recorded curves."""
    duplicate_of: dict[str, int] = {}

    def runs(record: TrialRecord) -> Iterator[dict[str, Any]]:
        found = curves.runs[curves.nearest(record.config)]
        if record.finalist:
            repeat = 1 - duplicate_of.setdefault(record.finalist.trial, _repeat(seed, record.finalist.trial))
        else:
            repeat = duplicate_of.setdefault(record.trial, _repeat(seed, record.trial))
        for epoch, value in enumerate(found[repeat]["val"]["kappa_median"], 1):
            yield report_of(epoch, {"val/kappa": value}, None, record.config)

    return runs


def _repeat(seed: int, trial: str) -> int:
    return int(np.random.default_rng([seed, int(trial)]).integers(2))


def replay(curves: Curves, sampler: str, stopping: str, seed: int, folder: Path) -> Replay:
    """Search once, then name a winner after each of the budgets."""
    most = max(BUDGETS)
    search(folder / "all", study_of(sampler, stopping, most, seed), answers(curves, seed))
    events, _ = read_events(folder / "all" / "ledger.jsonl")
    spent, best, true = (np.full(most, np.nan) for _ in range(3))
    state, epochs, ended = study_state(events[:1]), 0, 0
    top: tuple[float, float] = (math.nan, math.nan)
    for event in events:
        state.apply(event)
        epochs += isinstance(event, EpochFinished)
        if isinstance(event, TrialFinished):
            score = state.trials[event.trial].best_score()
            if score is not None and not score <= top[0]:
                top = (score, curves.truth(state.trials[event.trial].config))
            spent[ended], best[ended], true[ended] = epochs, *top
            ended += 1
    claimed, chosen, final_epochs = {}, {}, {}
    for trials in BUDGETS:
        early = [event for event in events if getattr(event, "trial", "") < f"{trials:04d}"]
        plain = candidates(study_state(early))[0]
        config = study_of(sampler, stopping, trials, seed, finalists=None)
        ledger = started(folder / str(trials), config)
        for event in early[1:]:
            ledger.append(event)
        whole = study_state(ledger.events)
        policy = policy_of(config, whole)
        drive(Recorder(ledger, whole, policy, folder, lambda event: None), answers(curves, seed))
        ledger.close()
        final = candidates(whole)[0]
        claimed[trials] = plain.score, final.score
        chosen[trials] = curves.truth(plain.record.config), curves.truth(final.record.config)
        final_epochs[trials] = EPOCHS * len(whole.finalists)
    return Replay(spent, best, true, claimed, chosen, final_epochs)


def curve_over_epochs(replays: list[Replay], values: str) -> NDArray[np.float64]:
    """Of each search (seeds), the value after each epoch that is spent (64 x 15); before the first score it is 0."""
    grid = np.arange(1, max(BUDGETS) * EPOCHS + 1)
    rows = []
    for one in replays:
        place = np.searchsorted(one.spent, grid, side="right") - 1
        known = np.where(place >= 0, getattr(one, values)[place.clip(0)], np.nan)
        rows.append(np.nan_to_num(known, nan=0.0))
    return np.array(rows)


def first_reach(mean: NDArray[np.float64], target: float) -> float:
    """Epochs after which a mean curve has reached a target for the first time; inf where it never does."""
    reached = np.flatnonzero(mean >= target - 1e-12)
    return float(reached[0] + 1) if len(reached) else math.inf


def shares(replays: dict[tuple[str, str], list[Replay]], values: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """For each method the epochs that it needs, as a share of random search's 64 full trials, with a 95 % interval.

    The target is what random search without stopping has reached by then, in the mean over the seeds; both are drawn
    again together, seed by seed.
    """
    curves = {method: curve_over_epochs(of, values) for method, of in replays.items()}
    budget = max(BUDGETS) * EPOCHS
    random = np.random.default_rng(0)
    resamples = [np.arange(SEEDS), *random.integers(SEEDS, size=(RESAMPLES, SEEDS))]
    found = {}
    for method, curve in curves.items():
        drawn_shares = []
        for rows in resamples:
            target = curves["random", "none"][rows].mean(axis=0)[-1]
            drawn_shares.append(first_reach(curve[rows].mean(axis=0), target) / budget)
        found[method] = (drawn_shares[0], *np.quantile(drawn_shares[1:], [0.025, 0.975], method="nearest"))
    return found


def mean_interval(values: list[float]) -> tuple[float, float, float]:
    """Mean over the seeds with a 95 % bootstrap interval."""
    drawn_means = np.random.default_rng(0).choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    return float(np.mean(values)), *(float(q) for q in np.quantile(drawn_means, [0.025, 0.975]))


def share_text(share: tuple[float, ...]) -> str:
    low, high = (f"{value:.2f}" if math.isfinite(value) else "never" for value in share[1:])
    return f"{share[0]:.2f} ({low} to {high})" if math.isfinite(share[0]) else f"never ({low} to {high})"


def tables(replays: dict[tuple[str, str], list[Replay]]) -> str:
    """What is printed, as Markdown."""
    by_score, by_truth = shares(replays, "best"), shares(replays, "true")
    lines = [
        "| sampler, early stopping | epochs of 64 trials | share of random search's epochs for its score "
        "| for its true kappa |",
        "|---|---|---|---|",
    ]
    for method, of in replays.items():
        epochs = np.mean([one.spent[-1] for one in of])
        lines.append(
            f"| {', '.join(method)} | {epochs:.0f} | {share_text(by_score[method])} | {share_text(by_truth[method])} |"
        )
    lines += [
        "",
        "| sampler, early stopping | "
        + " | ".join(f"{n} trials | {n} trials, finalists" for n in BUDGETS)
        + " | validation minus test, 24 trials | the same with finalists |",
        "|---|" + "---|" * (2 * len(BUDGETS) + 2),
    ]
    for method, of in replays.items():
        cells = []
        for trials in BUDGETS:
            for way in (0, 1):
                mean, low, high = mean_interval([one.chosen[trials][way] for one in of])
                cells.append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
        for way in (0, 1):
            mean, low, high = mean_interval([one.claimed[24][way] - one.chosen[24][way] for one in of])
            cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {', '.join(method)} | {' | '.join(cells)} |")
    return "\n".join(lines)


@pytest.mark.timeout(3600)
def test_samplers_and_early_stopping_on_recorded_curves() -> None:
    """Prints the tables; asserts only that the default is not clearly slower than random search without stopping."""
    curves = Curves(recorded()[1])
    if len(curves.runs) < LEAST:
        pytest.skip(f"{LEAST} recorded configurations are needed, but there are {len(curves.runs)}: record_curves")
    truths = [np.mean([run["test"]["kappa_median"] for run in of.values()]) for of in curves.runs]
    print(f"\n{len(curves.runs)} configurations, each run twice; true kappa {min(truths):.3f} to {max(truths):.3f},")
    print(f"the known-good one {truths[0]:.3f} (rank {1 + sum(t > truths[0] for t in truths)})")
    replays: dict[tuple[str, str], list[Replay]] = {}
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # each line of a ledger waits for the disk
    for sampler in SAMPLERS:
        for stopping in STOPPING:
            begin = time.perf_counter()
            of = []
            for seed in range(SEEDS):
                with tempfile.TemporaryDirectory(dir=memory) as folder:
                    of.append(replay(curves, sampler, stopping, seed, Path(folder)))
            replays[sampler, stopping] = of
            print(f"{sampler}, {stopping}: {time.perf_counter() - begin:.0f} s", flush=True)
    print(f"\n{tables(replays)}")
    default = StudyConfig()
    chosen = shares(replays, "best")[default.sampler, default.early_stopping]
    assert chosen[1] <= 1
