"""Which configuration a study names: an arm's finalists by the mean of their repeats, then the rest by their own score.

The highest of many scores on one small validation split is mostly the luckiest. So the best few of each arm are trained
again with fresh seeds on other validation splits, and the mean of these repeats, which nobody chose, decides. All of it
is read from the ledger's state alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from analysis import schema
from study.config.study import StudyConfig
from study.storage.state import StudyState, TrialRecord, ranked

FINALISTS_SHARE, MOST_FINALISTS = 4, 3
"""One in so many trials of an arm, and no more than so many, unless the study says another number."""


@dataclass(frozen=True)
class Candidate:
    """A configuration and what it is judged by: `score` over `repeats` finalists, or its own where there are none."""

    record: TrialRecord
    score: float
    repeats: int


def finalists_of(config: StudyConfig, trials: int) -> int:
    """How many finalists an arm of so many trials has; 0: none."""
    if config.select_on == "test":  # validation is the test list there: it has no other split
        return 0
    count = min(MOST_FINALISTS, trials // FINALISTS_SHARE) if config.finalists is None else config.finalists
    count = min(count, trials)
    return count if count > 1 else 0  # one alone would be the winner without a final


def planned(config: StudyConfig, arms: int) -> int:
    """Finalists that a study of so many arms will have, if each of them has enough trials with a score."""
    return arms * finalists_of(config, config.trials // arms) * config.repeats


def configurations(state: StudyState, arm: str) -> list[TrialRecord]:
    """An arm's trials by their own score, best first; of those that differ in their seed alone the best one."""
    distinct: dict[str, TrialRecord] = {}
    for record in ranked(record for record in state.trials.values() if record.arm == arm):
        distinct.setdefault(record.duplicate_of or record.trial, record)
    return list(distinct.values())


def repeats_of(state: StudyState, record: TrialRecord) -> list[float]:
    """Scores of a configuration's finalists that ended in order."""
    mine = [one for one in state.finalists.values() if one.finalist and one.finalist.trial == record.trial]
    scores = [one.best_score() for one in mine if one.state == schema.STATE_COMPLETE]
    return [score for score in scores if score is not None]


def candidates(state: StudyState, arm: str | None = None) -> list[Candidate]:
    """Configurations of an arm (None: of all arms), best first: those with finalists come before all others.

    The score of one run is not compared with a mean of repeats: the former was chosen for being high.
    """
    arms = [arm] if arm else state.study.arms
    found = []
    for record in (record for one in arms for record in configurations(state, one)):
        repeats, own = repeats_of(state, record), record.best_score()
        assert own is not None  # it is ranked
        found.append(Candidate(record, fmean(repeats) if repeats else own, len(repeats)))
    return sorted(found, key=lambda one: (one.repeats == 0, -one.score, one.record.trial))


def winners(state: StudyState, arm: str | None = None) -> list[TrialRecord]:
    """The records of `candidates`."""
    return [one.record for one in candidates(state, arm)]


def chosen_arm(state: StudyState) -> str | None:
    """The arm that validation chose; None where no trial has a score."""
    return next((one.record.arm for one in candidates(state)), None)


@dataclass(frozen=True)
class Finalist:
    """One run that is to be made: the trial, its rank within its arm (from 1), number of the seed (from 0)."""

    trial: TrialRecord
    rank: int
    seed_index: int


def wanted(config: StudyConfig, state: StudyState) -> list[Finalist]:
    """All finalists of a study whose trials have ended, in the order in which they run."""
    found = []
    for arm in state.study.arms:
        mine = sum(1 for record in state.trials.values() if record.arm == arm)
        best = configurations(state, arm)[: finalists_of(config, mine)]
        if len(best) > 1:  # one alone is the winner without a final
            found += [Finalist(trial, rank, n) for rank, trial in enumerate(best, 1) for n in range(config.repeats)]
    return sorted(found, key=lambda one: (one.seed_index, one.rank))  # stable: else in the order of the arms


def missing(config: StudyConfig, state: StudyState) -> list[Finalist]:
    """Those that have not begun; none while a trial has not ended."""
    ended = sum(1 for record in state.trials.values() if record.end)
    if ended < max(config.trials, len(state.trials)):
        return []
    started = {(r.finalist.trial, r.finalist.seed_index) for r in state.finalists.values() if r.finalist}
    return [one for one in wanted(config, state) if (one.trial.trial, one.seed_index) not in started]


def search_ended(config: StudyConfig, state: StudyState) -> bool:
    """Whether all trials and all finalists have ended."""
    runs = (*state.trials.values(), *state.finalists.values())
    return len(state.trials) >= config.trials and all(record.end for record in runs) and not missing(config, state)


def fresh_seed(*keys: Any) -> int:
    """A seed that depends on these keys alone: the study's seed, a purpose, and numbers."""
    return int.from_bytes(hashlib.sha256(json.dumps(keys).encode()).digest()[:4], "big") % 2**31
