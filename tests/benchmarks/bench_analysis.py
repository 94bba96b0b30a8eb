"""Intervals of the lab's test, and tables and figures of a thousand trials in MLflow's SQLite.

Seconds are printed; what is asserted is wide enough for a machine that does other things at the same time.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analysis import schema
from analysis.figures.all_figures import write_gallery
from analysis.report.paper_tables import write_tables
from analysis.results.mlflow_reader import read_study
from analysis.stats.auc_bootstrap import bootstrap_auc
from analysis.stats.bootstrap import bootstrap_by_group, confusion_by_group
from analysis.tables.all_tables import make_tables
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec

TRIALS, EPOCHS = 1000, 15
PATIENTS = 2810
"""Of a fifth of the lab's training list: 5,620 validation images for each trial."""

BUDGET_SECONDS = 30
READING_SHARE = 1 / 3


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """The SQL statements that are sent meanwhile."""
    queries: list[str] = []

    def note(*args: object) -> None:
        queries.append(str(args[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield queries
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_ten_thousand_resamples_of_the_labs_test() -> None:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(3513), 2)
    grade = rng.choice(5, size=7026, p=[0.735, 0.07, 0.15, 0.025, 0.02])
    chance = rng.dirichlet(np.ones(5), size=(1, 7026))
    chance[0, np.arange(7026), grade] += 0.4 * rng.random(7026)
    started = time.perf_counter()
    counts = confusion_by_group(patient, grade, chance[0].argmax(axis=1))
    bootstrap_by_group(counts, rng, resamples=10_000)
    by_counts = time.perf_counter() - started
    bootstrap_auc(patient, grade, chance, rng, resamples=10_000)
    seconds = time.perf_counter() - started
    print(
        f"\n10,000 resamples of 7,026 images: {by_counts:.1f} s for every score that needs counts, "
        f"{seconds - by_counts:.1f} s for AUC"
    )
    assert seconds < 20


@pytest.mark.timeout(1800)
def test_tables_and_figures_of_a_thousand_trials(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    trials = [
        TrialSpec(
            number,
            fixture.ARMS[number % 4],
            skill=float(rng.uniform(0.2, 0.6) + 0.2 * (number % 2)),
            epochs=EPOCHS,
            state=schema.STATE_PRUNED if number % 3 == 0 else schema.STATE_COMPLETE,
            patients=PATIENTS,
            params={"lr": f"{10 ** rng.uniform(-4, -1):.6f}", "batch_size": str(rng.choice([16, 32, 64]))},
        )
        for number in range(TRIALS)
    ]
    started = time.perf_counter()
    uri = fixture.write_study("thousand", trials, study=fixture.STUDY_JSON)
    print(f"\n{TRIALS} trials x {EPOCHS} epochs written in {time.perf_counter() - started:.0f} s (not measured)")
    started = time.perf_counter()
    with counted_queries() as queries:
        study = read_study(uri, "thousand")
    reading = time.perf_counter() - started
    made = make_tables(study)
    write_tables(study, made, tmp_path)
    tabling = time.perf_counter() - started - reading
    write_gallery(study, made, tmp_path / "figures")
    whole = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"reading {reading:.1f} s with {len(queries)} queries, tables {tabling:.1f} s, figures "
        f"{whole - reading - tabling:.1f} s, all {whole:.1f} s; {2 * PATIENTS:,} images each; memory {memory:.0f} MB "
        "at most"
    )
    assert len(study.epochs) == TRIALS * EPOCHS
    assert len(queries) < 50  # not one for each run, let alone for each run and metric
    assert reading <= whole * READING_SHARE
    assert whole < 3 * BUDGET_SECONDS
