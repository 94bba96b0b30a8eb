"""What a person sees of a running search: trials done, the best so far, time left, a line for each trial that ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from analysis import records
from study.ledger import Event, StudyState
from study.progress import duration_text, seconds_left


class SearchDisplay:
    """Watches events; the bar is drawn on a terminal, the lines everywhere."""

    def __init__(self, console: Console, state: StudyState, trials: int, slots: int) -> None:
        self._state, self._trials, self._slots = state, trials, slots
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
            console=console,
        )  # fmt: skip
        self._task: TaskID = self._progress.add_task("trials", total=trials, completed=self._ended(), note=self._note())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the search runs."""
        with self._progress:
            yield

    def watch(self, event: Event) -> None:
        """Take in one event, after the state has."""
        if event["event"] == "end":
            self._progress.console.print(self._line(event), highlight=False, markup=False)
        self._progress.update(self._task, completed=self._ended(), note=self._note())

    def _ended(self) -> int:
        return sum(1 for record in self._state.trials.values() if record.end)

    def _line(self, event: Event) -> str:
        record = self._state.trials[event["trial"]]
        best = record.best()
        head = f"{record.trial} {record.arm:<19} {event['state']:<8}"
        if event["state"] == records.STATE_FAILED or best is None:
            return f"{head} {event['reason']}"
        seconds = sum(epoch["seconds"] for epoch in record.epochs)
        score = record.config["objective"]
        return (
            f"{head} {score} {best['scores'][f'val/{score}']:.3f} at epoch {best['epoch']} of {len(record.epochs)}, "
            f"{seconds:.0f} s"
        )

    def _note(self) -> str:
        scores = [(s, r.trial, r.arm) for r in self._state.trials.values() if (s := r.best_score()) is not None]
        best = max(scores, default=None)
        text = f"best {best[0]:.3f} ({best[1]} {best[2]})" if best else "no score yet"
        left = seconds_left(self._state, self._trials, self._slots)
        return text if left is None else f"{text}, about {duration_text(left)} left"
