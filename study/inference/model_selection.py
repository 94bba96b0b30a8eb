"""Which model of a study is the best: chosen on validation alone; a confirmation is measured on the test split, never
chosen by it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis import schema
from retina_data.gate import below
from study.config.trial import TrialConfig
from study.errors import ConfigError
from study.inference.best_model import BestModel
from study.storage.home import fold_studies
from study.storage.ranking import Candidate, candidates
from study.storage.state import StudyState, TrialRecord, read_state
from study.training.checkpoints import BEST, PREDICTIONS


def find_best_model(
    home: Path, name: str, arm: str | None = None, rerun_flags: str = "", *, ensemble: bool = False
) -> BestModel:
    """The configuration that validation chose in a study, or in one of its arms, by its first confirmation if any.

    Of a study of folds: the first fold's, in the arm with the best mean over the folds; `siblings` has the others'.
    rerun_flags: of Home, for the commands in what is raised. ensemble: all its confirmed seeds as one model,
    `others`. Raises ConfigError where there is no such study, no trial with a score, no weights any more, or too few
    seeds.
    """
    if arm is not None and arm not in schema.ARM_LABELS:
        raise ConfigError(f"--arm must be one of {', '.join(schema.ARM_LABELS)}, but got {arm!r}")
    fold_names = fold_studies(home, name)
    if len(fold_names) > 1:
        if missing := [fold for fold in fold_names if not (home / fold / "ledger.jsonl").exists()]:
            raise ConfigError(
                f"all folds of study {name} must have been searched, but {', '.join(missing)} did not begin; go on "
                f"with `retina search {name}{rerun_flags}`"
            )
        arm = arm or _best_arm(home, name, fold_names, rerun_flags)
    first, *rest = (
        _best_model(home, fold, arm, rerun_flags, needs, ensemble)
        for fold, needs in zip(fold_names, [BEST, *[PREDICTIONS] * (len(fold_names) - 1)], strict=True)
    )
    return replace(first, siblings=tuple(rest))


def _best_model(home: Path, name: str, arm: str | None, rerun_flags: str, needs: str, ensemble: bool) -> BestModel:
    """needs: the file without which a model is not taken."""
    state = read_state(home / name)
    if state is None:
        raise ConfigError(
            f"study {name} must exist, but there is none of that name; `retina status{rerun_flags}` lists them"
        )
    typed = schema.whole_name(name, str(state.study.config["fold"]))
    best = next(iter(candidates(state, arm)), None)
    if best is None:
        of_arm = f" of the arm {arm}" if arm else ""
        able = [one for one in schema.ARM_LABELS if candidates(state, one)]
        remedy = f"there are some of {', '.join(able)}" if able else f"go on with `retina search {typed}{rerun_flags}`"
        raise ConfigError(f"study {name} must have an ended trial{of_arm} with a score, but has none; {remedy}")
    seeds = [_made(home, name, state, best, record) for record in _confirmed(state, best)]
    if ensemble:
        return _as_one(seeds, name, best, f"retina confirm {typed} --seeds 3{rerun_flags}", needs)
    for one in (*seeds, _made(home, name, state, best, best.record)):
        if (one.folder / needs).exists():
            return one
    trial = best.record.trial
    raise ConfigError(
        f"{needs} of trial {trial} of study {name} must be there, but has gone; `retina train --reproduce "
        f"{name}/{trial} --out FOLDER{rerun_flags}` makes it again, put it into checkpoints/{trial}"
    )


def _confirmed(state: StudyState, best: Candidate) -> list[TrialRecord]:
    """Complete confirmations of a configuration, by the number of their seed."""
    ended = [record for record in state.confirmations.values() if record.state == schema.STATE_COMPLETE]
    mine = {r.confirm.seed_index: r for r in ended if r.confirm and r.confirm.trial == best.record.trial}
    return [mine[number] for number in sorted(mine)]


def _made(home: Path, name: str, state: StudyState, chosen: Candidate, record: TrialRecord) -> BestModel:
    config = TrialConfig.model_validate(record.config)
    return BestModel(name, state.study, chosen, record, config, below(home, name, "checkpoints", record.trial))


def _as_one(seeds: list[BestModel], name: str, best: Candidate, confirm: str, needs: str) -> BestModel:
    """All confirmed seeds as one model: that is what was measured, so none may be missing."""
    if len(seeds) < 2:
        raise ConfigError(
            f"--ensemble needs at least two confirmed seeds of the winner, but trial {best.record.trial} of study "
            f"{name} has {len(seeds)}; confirm it with `{confirm}`, or drop "
            "--ensemble"
        )
    if gone := [one.record.trial for one in seeds if not (one.folder / needs).exists()]:
        raise ConfigError(
            f"{needs} of every confirmed seed of study {name} must be there for --ensemble, but that of "
            f"{', '.join(gone)} has gone; put it back into checkpoints, or drop --ensemble"
        )
    return replace(seeds[0], others=tuple(seeds[1:]))


def _best_arm(home: Path, name: str, folds: list[str], rerun_flags: str) -> str:
    """The arm whose winners have the highest mean on validation over all folds."""
    states = [state for fold in folds if (state := read_state(home / fold))]
    means = {}
    for arm in schema.ARM_LABELS:
        scores = [best.score for state in states for best in candidates(state, arm)[:1]]
        if len(scores) == len(folds):
            means[arm] = sum(scores) / len(scores)
    if not means:
        raise ConfigError(
            f"an arm of study {name} must have a trial with a score in each fold, but none has; "
            f"`retina status {name}{rerun_flags}` says what failed"
        )
    return max(means, key=lambda arm: means[arm])
