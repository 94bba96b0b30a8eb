"""Tables of bench-quality: scores on the pooled test images, and paired differences with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.stats.metrics import accuracy_and_kappa, auc_ovr, called, confusion_matrix
from study.training.data import SplitDataset

RESAMPLES = 2000
TOGETHER = 1 - 0.05 / 6
"""Level of each interval where three scores on two data sets are compared with the first trial (Bonferroni)."""
METRICS = ("accuracy", "kappa", "auc")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Answer:
    """Predictions of a row's runs on the test split of one unit.

    grades, groups: (n,). probabilities: by views, (seeds, n, 5). groups are of this unit alone.
    """

    unit: str
    grades: Ints
    groups: Ints
    probabilities: dict[int, Floats]

    @staticmethod
    def read(out: Path, unit: str, prepared: SplitDataset, keys: list[str]) -> Answer:
        """From the files of finished runs."""
        rows, table = np.flatnonzero(prepared.splits == "test"), prepared.cache.table
        files = [np.load(out / "predictions" / f"{key}.npz") for key in keys]
        views = [n for n in (1, 4, 8) if all(f"test_{n}" in file for file in files)]
        stacked = {n: np.stack([file[f"test_{n}"] for file in files]).astype(np.float64) for n in views}
        return Answer(unit, table["grade"].to_numpy(np.int64)[rows], table["group"].to_numpy(np.int64)[rows], stacked)


@dataclass(frozen=True)
class Measured:
    """A part's answers by row and unit, and the validation score that each method claimed on each unit."""

    part: str
    answers: dict[str, list[Answer]]
    claims: dict[str, list[float]]


@dataclass(frozen=True)
class Row:
    """How a row's runs are read: views, decision, and whether the seeds are one model."""

    title: str
    runs: str
    views: int = 1
    decision: str = "median"
    ensemble: bool = False


FIRST = Row("first trial alone, no search", "first trial", 4)
METHODS = (
    Row("earlier method", "earlier method", 1, "most_probable"),
    FIRST,
    Row("new method", "new method", 4),
    Row("first trial alone, seeds as one model", "first trial", 4, ensemble=True),
    Row("new method, seeds as one model", "new method", 4, ensemble=True),
)
PLAIN = Row("first trial, most probable grade, one view", "first trial", 1, "most_probable")
INGREDIENTS = (
    (Row("median grade", "first trial", 1), PLAIN),
    (Row("4 views", "first trial", 4, "most_probable"), PLAIN),
    (Row("seeds as one model", "first trial", 1, "most_probable", True), PLAIN),
    (Row("dihedral instead of flips", "dihedral", 1, "most_probable"), PLAIN),
    (Row("dihedral, 8 views", "dihedral", 8, "most_probable"), Row("dihedral", "dihedral", 1, "most_probable")),
    (Row("synthetic source weights", "synthetic source", 1, "most_probable"), PLAIN),
    (Row("as much more training from random weights", "equal compute", 1, "most_probable"), PLAIN),
    (
        Row("synthetic source against equal compute", "synthetic source", 1, "most_probable"),
        Row("equal compute", "equal compute", 1, "most_probable"),
    ),
    (
        Row("all of these: synthetic source, 4 views, median, one model", "synthetic source", 4, ensemble=True),
        PLAIN,
    ),
)


class Pool:
    """A part's test images, all units together, and resamples of whole patients."""

    def __init__(self, answers: list[Answer]) -> None:
        self.grades = np.concatenate([one.grades for one in answers])
        groups = np.concatenate([one.groups + 10**6 * n for n, one in enumerate(answers)])
        _, self._numbers = np.unique(groups, return_inverse=True)
        random = np.random.default_rng(0)
        count = int(self._numbers.max()) + 1
        self.resamples = [np.bincount(random.integers(count, size=count), minlength=count) for _ in range(RESAMPLES)]

    def rows(self, counts: Ints) -> Ints:
        """Image numbers of a resample."""
        return np.repeat(np.arange(len(self.grades)), counts[self._numbers])


def pooled(answers: list[Answer], row: Row) -> list[Floats]:
    """Probabilities of each model of a row on all images: one for each seed, or their mean."""
    each = np.concatenate([one.probabilities[row.views] for one in answers], axis=1)  # (seeds, n, 5)
    return [each.mean(axis=0)] if row.ensemble else list(each)


def row_scores(grades: Ints, models: list[Floats], decision: str, rows: Ints | None = None) -> dict[str, float]:
    """Mean over the models of accuracy, kappa and AUC."""
    found: dict[str, list[float]] = {name: [] for name in METRICS}
    truth = grades if rows is None else grades[rows]
    for model in models:
        chance = model if rows is None else model[rows]
        for name, value in accuracy_and_kappa(confusion_matrix(truth, called(chance, decision))).items():
            found[name].append(float(value))
        found["auc"].append(auc_ovr(truth, chance))
    return {name: float(np.mean(values)) for name, values in found.items()}


def resampled(pool: Pool, answers: list[Answer], row: Row) -> dict[str, Floats]:
    """Each score over all resamples, the sample itself first: (1 + RESAMPLES,)."""
    models = pooled(answers, row)
    found = [row_scores(pool.grades, models, row.decision)]
    found += [row_scores(pool.grades, models, row.decision, pool.rows(counts)) for counts in pool.resamples]
    return {name: np.array([one[name] for one in found]) for name in METRICS}


def interval(values: Floats, sign: str = "", level: float = 0.95) -> str:
    """The sample's value with the interval of its resamples."""
    low, high = np.quantile(values[1:], [0.5 - level / 2, 0.5 + level / 2])
    return f"{values[0]:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def differences(one: dict[str, Floats], other: dict[str, Floats], level: float = 0.95) -> str:
    """Cells of each score's paired difference."""
    return " | ".join(interval(one[name] - other[name], "+", level) for name in METRICS)


def tables(measured: Measured) -> str:
    """A part's four tables as Markdown."""
    first = measured.answers["first trial"]
    pool, known = Pool(first), {}

    def of(row: Row) -> dict[str, Floats]:
        if row not in known:
            known[row] = resampled(pool, measured.answers[row.runs], row)
        return known[row]

    majority = float(np.bincount(pool.grades).max() / len(pool.grades))
    seeds = len(first[0].probabilities[1])
    lines = [
        f"### {measured.part}: {len(pool.grades)} test images, majority class {majority:.3f}, mean of {seeds} seeds",
        "",
        "| | accuracy | kappa | AUC |",
        "|---|---|---|---|",
    ]
    for row in METHODS:
        lines.append(f"| {row.title} | {' | '.join(interval(of(row)[name]) for name in METRICS)} |")
    title = "minus the first trial alone, six differences together"
    lines += ["", f"| {title} | accuracy | kappa | AUC |", "|---|---|---|---|"]
    for row in METHODS:
        first_trial = replace(FIRST, ensemble=row.ensemble)
        if row.runs != FIRST.runs:
            lines.append(f"| {row.title} | {differences(of(row), of(first_trial), TOGETHER)} |")
    lines += ["", "| | validation kappa claimed | test kappa | claimed minus test |", "|---|---|---|---|"]
    for row in METHODS:
        if row.runs in measured.claims and not row.ensemble:
            claim, test = float(np.mean(measured.claims[row.runs])), mean_of_units(measured.answers[row.runs], row)
            lines.append(f"| {row.title} | {claim:.3f} | {test:.3f} | {claim - test:+.3f} |")
    lines += ["", "| alone, against the first trial's configuration | accuracy | kappa | AUC |", "|---|---|---|---|"]
    values = " | ".join(interval(of(PLAIN)[name]) for name in METRICS)
    lines.append(f"| {PLAIN.title} | {values} |")
    for row, against in INGREDIENTS:
        lines.append(f"| {row.title} | {differences(of(row), of(against))} |")
    return "\n".join(lines)


def mean_of_units(answers: list[Answer], row: Row) -> float:
    """Test kappa as a claim sees it: of each unit alone, then the mean."""
    alone = [row_scores(one.grades, pooled([one], row), row.decision)["kappa"] for one in answers]
    return float(np.mean(alone))


def write_tables(out: Path, measured: Measured, say: Callable[[str], None] = print) -> None:
    """table.md of all parts that are there, each kept in a file of its own."""
    (out / f"table-{measured.part}.md").write_text(tables(measured) + "\n", "utf-8")
    parts = [path.read_text("utf-8") for path in sorted(out.glob("table-*.md"))]
    command = "`make bench-quality` (python -m tests.benchmarks.quality)"
    (out / "table.md").write_text(f"Made by {command}.\n\n" + "\n".join(parts), "utf-8")
    say(parts[-1] if len(parts) == 1 else "\n".join(parts))
