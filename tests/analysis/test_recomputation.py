"""Every score, interval and p of the tables again from the stored predictions, by scikit-learn and SciPy alone.

Predictions are read from the files that a study stores; nothing of ours computes the expected values.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score

from analysis import schema
from analysis.report.paper_tables import write_tables
from analysis.results.study_runs import StudyRuns
from analysis.tables import best
from analysis.tables.all_tables import make_tables
from tests.fixtures import figures
from tests.fixtures.recomputed import (
    PROBABILITIES,
    called,
    clopper_pearson,
    kappa,
    moved,
    scores,
    student,
    weighted_accuracy,
    weighted_gain,
)
from tests.fixtures.studies import Confirm, Eyes, Made, Trial, eyes, study_of

ARMS = list(schema.ARM_LABELS)
RESAMPLES = 400


def noisy(of: Eyes, noise: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(of.grade + noise * rng.normal(size=of.grade.size)), 0, 4).astype(int)


@pytest.fixture(scope="module")
def study() -> StudyRuns:
    """Four arms of two trials, three seeds each on 90 images of 50 patients, some with one eye and some with two."""
    every = eyes(50, 3)
    kept = np.ones(100, dtype=bool)
    kept[1:20:2] = False
    test = Eyes(every.grade[kept], every.patient[kept])
    validation = eyes(40, 1)
    trials, confirms = [], []
    for place, arm in enumerate(ARMS):
        for second in (0, 1):
            trials.append(Trial(arm, noisy(validation, 0.6 + 0.3 * second + 0.1 * place, 2 * place + second)))
        for seed in range(3):
            confirms.append(Confirm(2 * place, seed, noisy(test, 0.6 + 0.35 * place, 50 + 3 * place + seed)))
    return study_of(Made(trials, confirms, validation=validation, test=test))


@pytest.fixture(scope="module")
def written(study: StudyRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's CSV files, and below them the predictions as a study stores them."""
    folder = tmp_path_factory.mktemp("report")
    write_tables(study, make_tables(study), folder)
    (folder / "stored").mkdir()
    for name in study.test_predictions:
        study.test_predictions[name].to_parquet(folder / "stored" / f"{name}.parquet")
    for name in study.predictions:
        study.predictions[name].to_parquet(folder / "stored" / f"{name}.parquet")
    return folder


def stored(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "stored" / f"{name}.parquet")


def seeds_of(folder: Path, place: int) -> list[pd.DataFrame]:
    return [stored(folder, f"c{3 * place + seed:04d}") for seed in range(3)]


def as_one(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean of the seeds' probabilities."""
    return tables[0].assign(**{p: np.mean([table[p] for table in tables], axis=0) for p in PROBABILITIES})


def test_scores_of_arms_seeds_and_ensembles(written: Path) -> None:
    four_way = pd.read_csv(written / "four_way.csv").set_index("arm")
    seeds, ensembles = (pd.read_csv(written / f"{name}.csv") for name in ("seeds", "ensembles"))
    for place, arm in enumerate(ARMS):
        tables = seeds_of(written, place)
        each = [scores(table) for table in tables]
        one = as_one(tables)
        of_one = scores(one)
        for name in schema.SCORES:
            own = seeds.loc[seeds["arm"] == arm, name].tolist()
            assert own == pytest.approx([row[name] for row in each], abs=1e-9)
            assert four_way.loc[arm, f"test_{name}"] == pytest.approx(np.mean(own), abs=1e-9)
            assert four_way.loc[arm, f"test_{name}_sd"] == pytest.approx(np.std(own, ddof=1), abs=1e-9)
            assert ensembles.set_index("arm").loc[arm, name] == pytest.approx(of_one[name], abs=1e-9)
        row, half = ensembles.set_index("arm").loc[arm], student(moved([one], kappa))[2] / (1 - of_one["kappa"] ** 2)
        bounds = tuple(np.tanh(np.arctanh(of_one["kappa"]) + sign * half) for sign in (-1, 1))
        assert (row["kappa_low"], row["kappa_high"]) == pytest.approx(bounds, abs=1e-5)
        found = (row["accuracy_low"], row["accuracy_high"])
        assert found == pytest.approx(clopper_pearson(of_one["accuracy"], one["patient"]), abs=1e-9)
        majority = tables[0]["grade"].value_counts(normalize=True).max()
        assert four_way.loc[arm, "test_majority"] == pytest.approx(majority)
        assert four_way.loc[arm, "test_n"] == len(tables[0]) == 90
        assert four_way.loc[arm, "test_largest_patient"] == pytest.approx(2 / 90)


def test_intervals_of_shares_and_kappa(written: Path) -> None:
    four_way = pd.read_csv(written / "four_way.csv").set_index("arm")
    endpoint = pd.read_csv(written / "endpoint.csv").iloc[0]
    for place, arm in enumerate(ARMS):
        tables, row = seeds_of(written, place), four_way.loc[arm]
        accuracy = float(np.mean([accuracy_score(table["grade"], called(table)) for table in tables]))
        found = (row["test_accuracy_low"], row["test_accuracy_high"])
        assert found == pytest.approx(clopper_pearson(accuracy, tables[0]["patient"]), abs=1e-9)
        for grade in range(5):
            kind = [table[table["grade"] == grade] for table in tables]
            share = float(np.mean([(called(table) == grade).mean() for table in kind]))
            found = (row[f"test_recall_{grade}_low"], row[f"test_recall_{grade}_high"])
            assert found == pytest.approx(clopper_pearson(share, kind[0]["patient"]), abs=1e-9)
        value = float(np.mean([kappa(table) for table in tables]))
        half = student(moved(tables, kappa))[2] / (1 - value**2)
        bounds = tuple(np.tanh(np.arctanh(value) + sign * half) for sign in (-1, 1))
        assert (row["test_kappa_low"], row["test_kappa_high"]) == pytest.approx(bounds, abs=1e-5)
        for score, of in (("kappa", kappa), ("accuracy", weighted_accuracy)):
            each = np.array([of(table, np.ones(len(table))) for table in tables])
            wide = stats.t.ppf(0.975, 2) * np.sqrt(student(moved(tables, of))[0] ** 2 + each.var(ddof=1) / 3)
            expected = max(each.mean() - wide, -1.0 if score == "kappa" else 0.0), min(each.mean() + wide, 1.0)
            found = tuple(row[f"test_{score}_configuration_{end}"] for end in ("low", "high"))
            assert found == pytest.approx(expected, abs=0.15 * (expected[1] - expected[0])), score  # ours is resampled
        if arm == endpoint["arm"]:
            assert (endpoint["kappa_low"], endpoint["kappa_high"]) == pytest.approx(bounds, abs=1e-5)
        common = tables[0]["grade"].mode()[0]
        gain = moved(tables, partial(weighted_gain, common=common))
        middle = accuracy - float((tables[0]["grade"] == common).mean())
        found = (row["test_gain_over_majority_low"], row["test_gain_over_majority_high"])
        assert found == pytest.approx((middle - student(gain)[2], middle + student(gain)[2]), abs=1e-5)


def test_pairs_as_one_family_and_their_configurations(written: Path) -> None:
    pairs = pd.read_csv(written / "pairs.csv")
    tables = [seeds_of(written, place) for place in range(4)]
    kappas = [np.array([kappa(table) for table in one]) for one in tables]
    influence = [moved(one, kappa) for one in tables]
    right = [moved(one, weighted_accuracy) for one in tables]
    order = list(combinations(range(4), 2))
    differences = np.stack([influence[b] - influence[a] for a, b in order], axis=1)
    signs = np.random.default_rng(99).choice([-1.0, 1.0], size=(40_000, len(differences)))
    largest = np.abs(signs @ (differences / np.sqrt((differences**2).sum(axis=0)))).max(axis=1)
    critical = float(np.quantile(largest, 0.95))
    for place, (row, (a, b)) in enumerate(zip(pairs.to_dict("records"), order, strict=True)):
        value = float(kappas[b].mean() - kappas[a].mean())
        error, freedom, _ = student(differences[:, place])
        assert row["kappa_difference"] == pytest.approx(value, abs=1e-9)
        deviate = stats.norm.isf(stats.t.sf(abs(value) / error, freedom))
        assert row["p_adjusted"] == pytest.approx(float((largest >= deviate).mean()), abs=0.01)
        half = float(stats.t.isf(stats.norm.sf(critical), freedom)) * error
        found = (row["kappa_difference_low"], row["kappa_difference_high"])
        assert found == pytest.approx((value - half, value + half), abs=0.03 * half)
        each = kappas[b] - kappas[a]
        wide = float(stats.t.ppf(1 - 0.025 / 6, 2)) * np.sqrt(error**2 + each.var(ddof=1) / 3)
        assert row["kappa_difference_configuration_low"] == pytest.approx(max(value - wide, -2), abs=1e-4)
        of_right = right[b] - right[a]
        middle = np.mean([accuracy_score(t["grade"], called(t)) for t in tables[b]]) - np.mean(
            [accuracy_score(t["grade"], called(t)) for t in tables[a]]
        )
        assert row["accuracy_difference"] == pytest.approx(middle, abs=1e-9)
        assert row["accuracy_difference_high"] == pytest.approx(middle + student(of_right)[2], abs=1e-5)


def test_trials_on_validation_and_what_is_claimed_of_them(written: Path) -> None:
    board = pd.read_csv(written / "leaderboard.csv", dtype={"trial": str}).set_index("trial")
    assert len(board) == 8
    for trial, row in board.iterrows():
        table = stored(written, str(trial))
        expected = scores(table)
        for name in schema.SCORES:
            assert row[name] == pytest.approx(expected[name], abs=1e-9)
        bounds = clopper_pearson(expected["accuracy"], table["patient"])
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(bounds, abs=1e-9)
        claimed = clopper_pearson(expected["accuracy"], table["patient"], level=1 - 0.05 / 8)
        assert row["accuracy_claimed"] == pytest.approx(claimed[0], abs=1e-9)
    assert board["kappa"].is_monotonic_decreasing


@pytest.mark.parametrize("threshold", [0.4, 0.5])
def test_configurations_that_reach_an_accuracy(study: StudyRuns, written: Path, threshold: float) -> None:
    listed = best.best(study, threshold)
    expected: dict[str, set[tuple[str, str]]] = {"lower_bound": set(), "point_estimate": set()}
    every = [("test", arm, seeds_of(written, place), 4) for place, arm in enumerate(ARMS)]
    every += [("validation", ARMS[one // 2], [stored(written, f"{one:04d}")], 8) for one in range(8)]
    for split, arm, tables, configurations in every:
        accuracy = float(np.mean([accuracy_score(table["grade"], called(table)) for table in tables]))
        common = tables[0]["grade"].mode()[0]
        gain = moved(tables, partial(weighted_gain, common=common))
        middle = accuracy - float((tables[0]["grade"] == common).mean())
        level = 1 - 0.05 / configurations
        bounds = clopper_pearson(accuracy, tables[0]["patient"], level)[0], middle - student(gain, level)[2]
        if accuracy >= threshold and middle > 0:
            expected["point_estimate"].add((split, arm))
        if bounds[0] >= threshold and bounds[1] > 0:
            expected["lower_bound"].add((split, arm))
        row = listed[listed["measured_on"].eq(split) & listed["arm"].eq(arm) & np.isclose(listed["accuracy"], accuracy)]
        for name, bound in zip(("accuracy_claimed", "gain_over_majority_claimed"), bounds, strict=True):
            assert row[name].to_numpy() == pytest.approx(bound, abs=1e-5)
    for criterion, wanted in expected.items():
        own = listed[listed["criterion"] == criterion]
        assert set(zip(own["measured_on"], own["arm"], strict=True)) == wanted
    assert len(listed), "the threshold divides them"
    assert threshold > 0.4 or expected["lower_bound"]


def test_finalists_and_how_far_their_scores_fall() -> None:
    shown = figures.finalists()
    ran = shown.study.finalists.pivot(index=["arm", "trial"], columns="seed_index", values="best_val_kappa")
    own = shown.made.board.set_index("trial")
    table = pd.DataFrame(shown.made.drop).set_index("arm")
    for arm, repeats in ran.groupby(level="arm"):
        repeats = repeats.droplevel("arm")
        means = repeats.mean(axis=1)
        winner = means.idxmax()
        chosen_by = own.loc[repeats.index, "objective_value"]
        assert own.loc[repeats.index, "finalist_mean"].to_numpy() == pytest.approx(means.to_numpy())
        assert table.loc[arm, "own"] == pytest.approx(chosen_by[winner])
        assert table.loc[arm, "mean"] == pytest.approx(means[winner])
        assert table.loc[arm, "before"] == pytest.approx(float((chosen_by - means).mean()))
        left = [repeats[1 - one].max() - repeats.loc[repeats[1 - one].idxmax(), one] for one in (0, 1)]
        assert table.loc[arm, "after"] == pytest.approx(np.mean(left))
        tested = [one for name, one in shown.study.test_predictions.items() if confirms(shown.study, name) == winner]
        fell = float(np.mean([kappa(one, rule="median") for one in tested]))
        assert table.loc[arm, "observed_before"] == pytest.approx(chosen_by[winner] - fell)
        assert table.loc[arm, "observed_after"] == pytest.approx(means[winner] - fell)


def confirms(study: StudyRuns, name: str) -> str:
    runs = study.confirmations.set_index("confirm")
    return "" if runs.loc[name, "baseline"] else str(runs.loc[name, "trial"])


def test_what_the_search_gained_over_its_first_trial(tmp_path: Path) -> None:
    shown = figures.finalists()
    write_tables(shown.study, shown.made, tmp_path)
    row = pd.read_csv(tmp_path / "gain.csv", dtype={"trial": str, "first_trial": str}).iloc[0]
    runs = shown.study.confirmations[shown.study.confirmations["arm"] == row["arm"]].sort_values("seed_index")
    both = []
    for baseline, trial in ((False, row["trial"]), (True, row["first_trial"])):
        names = runs[(runs["baseline"] == baseline) & (runs["trial"] == trial)]["confirm"]
        both.append([shown.study.test_predictions[name] for name in names])
    winner, first = both
    assert len(winner) == len(first) == row["seeds"] > 1 and row["n"] == len(winner[0])
    for score, of in (("kappa", kappa), ("accuracy", weighted_accuracy)):
        weigh = partial(of, rule="median")
        every = [np.array([weigh(table, np.ones(len(table))) for table in tables]) for tables in both]
        assert (row[score], row[f"first_{score}"]) == pytest.approx(tuple(one.mean() for one in every), abs=1e-9)
        each = every[0] - every[1]
        error, freedom, half = student(moved(winner, weigh) - moved(first, weigh))
        found = [row[f"{score}_difference{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx([each.mean(), each.mean() - half, each.mean() + half], abs=1e-5)
        wide = float(stats.t.ppf(0.975, each.size - 1)) * np.sqrt(error**2 + each.var(ddof=1) / each.size)
        ends = [row[f"{score}_difference_configuration_{end}"] for end in ("low", "high")]
        assert ends == pytest.approx([each.mean() - wide, each.mean() + wide], abs=1e-4)
        if score == "kappa":
            assert row["p"] == pytest.approx(2 * stats.t.sf(abs(each.mean()) / error, freedom), abs=1e-5)


@pytest.mark.slow
def test_the_correction_for_having_chosen_agrees_within_monte_carlo_error(written: Path) -> None:
    board = pd.read_csv(written / "leaderboard.csv", dtype={"trial": str}).set_index("trial")
    rng = np.random.default_rng(8)
    for place in (0, 3):
        trials = [f"{number:04d}" for number in (2 * place, 2 * place + 1)]
        tables, found = [stored(written, trial) for trial in trials], []
        patients = tables[0]["patient"].unique()
        for _ in range(RESAMPLES):
            drawn = rng.choice(patients, patients.size)
            weight = tables[0]["patient"].map(pd.Series(drawn).value_counts()).fillna(0).to_numpy()
            chosen = tables[int(np.argmax([kappa(table, weight) for table in tables]))]
            others = chosen[weight == 0]
            found.append((accuracy_score(others["grade"], called(others)), kappa(others)))
        [row] = [board.loc[trial] for trial in trials if board.loc[trial, "chosen_among"] == 2]
        for score, values in zip(("accuracy", "kappa"), np.transpose(found), strict=True):
            error = 4 * values.std(ddof=1) / np.sqrt(RESAMPLES)
            assert row[f"{score}_corrected"] == pytest.approx(values.mean(), abs=error)
            low, high = np.quantile(values, [0.025, 0.975])
            bounds = row[f"{score}_corrected_low"], row[f"{score}_corrected_high"]
            assert bounds == pytest.approx((low, high), abs=0.15 * (high - low))


@pytest.mark.slow
@pytest.mark.parametrize("table", ["four_way", "ensembles"])
def test_resampled_intervals_agree_within_monte_carlo_error(written: Path, table: str) -> None:
    row = pd.read_csv(written / f"{table}.csv").set_index("arm").loc[ARMS[2]]
    tables, rng = seeds_of(written, 2), np.random.default_rng(4)
    if table == "ensembles":
        tables = [as_one(tables)]
    by_patient = [one.index.to_numpy() for _, one in tables[0].groupby("patient")]
    drawn: dict[str, list[float]] = {name: [] for name in ("balanced_accuracy", "macro_f1", "auc")}
    while len(drawn["auc"]) < RESAMPLES:
        rows = np.concatenate([by_patient[one] for one in rng.integers(0, len(by_patient), len(by_patient))])
        if tables[0]["grade"].iloc[rows].nunique() < 5:
            continue  # another score, of fewer grades
        found = [scores(one.iloc[rows]) for one in tables]
        for name, values in drawn.items():
            values.append(float(np.mean([one[name] for one in found])))
    for name, values in drawn.items():
        expected = np.quantile(values, [0.025, 0.975])
        start = "test_" if table == "four_way" else ""
        bounds = [row[f"{start}{name}_{end}"] for end in ("low", "high")]
        assert bounds == pytest.approx(expected, abs=0.15 * float(np.ptp(expected))), name
