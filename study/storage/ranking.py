"""Which configuration a study names: an arm's finalists by their repeats, then the rest by their own score.

The highest of many scores on one small validation split is mostly the luckiest. So the best few of each arm, and the
known-good configuration that it began with, are trained again with fresh seeds on the same other validation splits.
The mean of these repeats decides, and another one is named before the known-good one only if it is better than that
beyond a one-sided bound of 90 % (`analysis.stats.repeats`). All of it is read from the ledger's state alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from analysis import schema
from analysis.stats.repeats import Final, standings
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
    """An arm's trials by their own score, best first; of those that differ in their seed alone the one that has
    finalists, else the best one."""
    repeated = {one.finalist.trial for one in state.finalists.values() if one.finalist}
    distinct: dict[str, TrialRecord] = {}
    mine = (one for one in state.trials.values() if one.arm == arm and not state.is_forgotten(one))
    for record in ranked(mine):
        known = distinct.setdefault(record.duplicate_of or record.trial, record)
        if record.trial in repeated and known.trial not in repeated:
            distinct[record.duplicate_of or record.trial] = record
    return list(distinct.values())


def first_trial(state: StudyState, arm: str) -> TrialRecord | None:
    """The trial that an arm began with, the known-good configuration; None where another arm began in its group."""
    return next((record for record in state.trials.values() if record.arm == arm and record.number == 0), None)


def final_of(state: StudyState, arm: str) -> Final:
    """Scores of an arm's finalists that ended in order, by trial and number of the seed."""
    found: dict[str, dict[int, float]] = {}
    first = ""
    for one in state.finalists.values():
        score = one.best_score()
        counts = one.arm == arm and one.state == schema.STATE_COMPLETE and not state.is_forgotten(one)
        if one.finalist and counts and score is not None:
            found.setdefault(one.finalist.trial, {})[one.finalist.seed_index] = score
            first = one.finalist.trial if one.finalist.baseline else first
    return Final(found, first)


def candidates(state: StudyState, arm: str | None = None) -> list[Candidate]:
    """Configurations of an arm (None: of all arms), best first: those with finalists come before all others.

    The score of one run is not compared with a mean of repeats: the former was chosen for being high.
    """
    found: list[tuple[tuple[bool, float, str], Candidate]] = []
    finals = {one: final_of(state, one) for one in state.study.arms}
    standing = standings(list(finals.values()))
    for one in [arm] if arm else state.study.arms:
        for record in configurations(state, one):
            own, scores = record.best_score(), finals[one].repeats.get(record.trial, {})
            assert own is not None  # it is ranked
            candidate = Candidate(record, fmean(scores.values()) if scores else own, len(scores))
            found.append(((not scores, -standing.get(record.trial, own), record.trial), candidate))
    return [candidate for _, candidate in sorted(found, key=lambda entry: entry[0])]


def winners(state: StudyState, arm: str | None = None) -> list[TrialRecord]:
    """The records of `candidates`."""
    return [one.record for one in candidates(state, arm)]


def chosen_arm(state: StudyState) -> str | None:
    """The arm that validation chose; None where no trial has a score."""
    return next((one.record.arm for one in candidates(state)), None)


@dataclass(frozen=True)
class Finalist:
    """One run that is to be made: the trial, its rank within its arm (from 1), number of the seed (from 0).

    baseline: the arm began with this configuration.
    """

    trial: TrialRecord
    rank: int
    seed_index: int
    baseline: bool


def wanted(config: StudyConfig, state: StudyState) -> list[Finalist]:
    """All finalists of a study whose trials have ended, in the order in which they run."""
    found = []
    for arm in state.study.arms:
        mine = sum(1 for record in state.trials.values() if record.arm == arm)
        best, baseline = _finalists(state, arm, finalists_of(config, mine))
        if len(best) > 1:  # one alone is the winner without a final
            found += [
                Finalist(trial, rank, number, trial.trial == baseline)
                for rank, trial in enumerate(best, 1)
                for number in range(config.repeats)
            ]
    return sorted(found, key=lambda one: (one.seed_index, one.rank))  # stable: else in the order of the arms


def _finalists(state: StudyState, arm: str, count: int) -> tuple[list[TrialRecord], str]:
    """An arm's best configurations, the last giving way to the one that the arm began with; and that one's trial."""
    ordered, first = configurations(state, arm), first_trial(state, arm)
    known = [one for one in ordered if first and (one.duplicate_of or one.trial) == first.trial]
    best = ordered[:count]
    if count and known and known[0] not in best:
        best[-1] = known[0]
    return best, known[0].trial if known else ""


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
