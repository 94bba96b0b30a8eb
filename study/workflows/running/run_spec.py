"""What a call is to run: the part in which a search and a confirmation differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from study.storage.state import StudyState, TrialRecord
from study.tuning.progress_bar import Display
from study.tuning.recorder import TrialPolicy

if TYPE_CHECKING:
    from study.cluster.resources import Resources


class RunSpec(Protocol):
    """What a call is to run: `study.workflows.search` searches, `study.workflows.confirm` confirms."""

    @property
    def command(self) -> str:
        """Type this to go on."""

    @property
    def next_command(self) -> str:
        """Type this when all is done; nothing where more is to come by itself."""

    def failure_hint(self, state: StudyState, rerun_flags: str) -> str:
        """What to do where all has ended and failed, and going on does nothing; "" elsewhere. rerun_flags: of Home."""

    @property
    def n_best_weights(self) -> int:
        """Weights of each arm that stay on the disk."""

    def event(self) -> dict[str, Any]:
        """Fields of the study's event beside the plan's."""

    def records(self, state: StudyState) -> Mapping[str, TrialRecord]:
        """What is run, of all that the study has."""

    def policy(self, state: StudyState) -> TrialPolicy:
        """Which one runs next."""

    def opening(self, state: StudyState, trial_resources: Resources) -> str:
        """What is going to happen, in a line."""

    def display(self, state: StudyState, trial_resources: Resources) -> Display:
        """What a person sees of it."""


def failure_hint(name: str, rerun_flags: str) -> str:
    """What to do about a study whose trials have all ended and failed: going on does nothing."""
    return (
        f"`retina status {name}{rerun_flags}` names the failures; mend their cause and search under another name, or "
        "give a larger --trials"
    )
