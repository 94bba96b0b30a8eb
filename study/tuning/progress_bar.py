"""What a person sees of a running search or confirmation: how many are done, and a line for each one that ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from analysis import schema
from study.config.study import StudyConfig
from study.storage.events import Event, TrialFinished
from study.storage.progress import duration_text, seconds_left
from study.storage.ranking import candidates
from study.storage.state import StudyState, TrialRecord

SHARE = 0.02
"""Of the time, what looking through all records for the status may take: it costs more the more there are."""

AT_ONCE = 0.1  # seconds that it may take ahead, so that a small search always shows what is


class Display:
    """Watches events; the bar is drawn on a terminal, the lines everywhere."""

    def __init__(
        self,
        console: Console,
        what: str,
        of: Mapping[str, TrialRecord],
        total: int,
        status: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`of`: the records that are counted, `total` of them in the end; `status` is written beside the bar."""
        self._of, self._status, self._clock = of, status, clock
        self._left, self._asked = AT_ONCE, clock()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", markup=False),
            console=console,
        )  # fmt: skip
        self._task: TaskID = self._progress.add_task(what, total=total, completed=self._ended(), status=status())

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw while it runs, and at the end what is then."""
        with self._progress:
            try:
                yield
            finally:
                self._draw()

    def watch(self, event: Event) -> None:
        """Take in one event, after the records have."""
        if isinstance(event, TrialFinished):
            self._progress.console.print(_line(self._of[event.trial], event), highlight=False, markup=False)
            self._progress.advance(self._task)
        started = self._clock()
        self._left, self._asked = min(AT_ONCE, self._left + SHARE * (started - self._asked)), started
        if self._left > 0:
            self._draw()
            self._left -= self._clock() - started

    def _draw(self) -> None:
        self._progress.update(self._task, completed=self._ended(), status=self._status())

    def _ended(self) -> int:
        return sum(1 for record in self._of.values() if record.end)


def _line(record: TrialRecord, end: TrialFinished) -> str:
    """One trial or confirmation that has ended."""
    best = record.best()
    head = f"{record.trial} {record.arm:<19} {end.state:<8}"
    if end.state == schema.STATE_FAILED:
        return f"{head} {end.reason}"
    seconds = sum(epoch.seconds for epoch in record.epochs)
    if record.confirm and record.test:
        scores = record.test.scores
        values = ", ".join(
            f"{name} {scores[f'test/{name}']:.3f}" for name in ("kappa", "accuracy") if f"test/{name}" in scores
        )
        of = f"trial {record.confirm.trial}, seed {record.number + 1}"
        return f"{head} test {values} (n {record.test.n}, {of}), {seconds:.0f} s"
    if best is None:  # stopped early: its score would be that of the schedule's end
        return f"{head} after epoch {len(record.epochs)} of {record.config['epochs']}, {seconds:.0f} s"
    seed = f" (trial {record.finalist.trial}, repeat {record.number + 1})" if record.finalist else ""
    return (
        f"{head} {record.config['objective']} {best.scores[record.score_name]:.3f} at epoch {best.epoch} of "
        f"{len(record.epochs)}{seed}, "
        f"{seconds:.0f} s"
    )


def search_note(config: StudyConfig, state: StudyState, arms: int, max_concurrent: int) -> str:
    """The best so far, and the time left."""
    scores = [(s, r.trial, r.arm) for r in state.trials.values() if (s := r.best_score()) is not None]
    best = max(scores, key=lambda one: one[0], default=None)  # of equals the first, as `ranked` has it
    text = f"best {best[0]:.3f} ({best[1]} {best[2]})" if best else "no score yet"
    if state.finalists:
        first = candidates(state)[0]
        text = f"best {first.score:.3f} ({first.record.trial} {first.record.arm}, mean of {first.repeats})"
    return f"{text}{left_text(seconds_left(config, state, arms, max_concurrent))}"


def left_text(seconds: float | None) -> str:
    """The time left, as it follows something else."""
    return "" if seconds is None else f", about {duration_text(seconds)} left"
