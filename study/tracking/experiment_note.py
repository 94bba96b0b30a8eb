"""The first thing that is read of a study in MLflow: its result in a sentence, with what it is not."""

from __future__ import annotations

from analysis import schema
from analysis.table_files import in_markdown
from study.storage.events import TestEvaluation
from study.storage.ranking import Candidate, candidates
from study.storage.state import StudyState, TrialRecord


def closing_note(state: StudyState) -> str:
    """What the ledger alone can say at the end of a search or of its confirmations (Markdown), n beside the score."""
    best = next(iter(candidates(state)), None)
    ended = sum(1 for record in state.trials.values() if record.end)
    forgotten = f", of which {len(state.forgotten)} were forgotten" if state.forgotten else ""
    lines = [_result(state, best, ended), f"{ended} of {state.study.config['trials']} trials ended{forgotten}."]
    lines += [
        f"Not run: {schema.ARM_LABELS.get(arm, arm)}: {in_markdown(why)}." for arm, why in state.study.not_run.items()
    ]
    return "\n\n".join(lines)


def _result(state: StudyState, best: Candidate | None, ended: int) -> str:
    if best is None:
        return "**No result:** no trial has ended with a score."
    score, name = state.study.objective, schema.label(best.record.arm, state.study.weights)
    confirmed = _confirmed(state, best.record)
    if confirmed:
        new_patients = all(f"test_new_patients/{score}" in test.scores for test in confirmed)
        values = [test.scores[f"{'test_new_patients' if new_patients else 'test'}/{score}"] for test in confirmed]
        n = confirmed[0].n_new_patients if new_patients else confirmed[0].n
        as_told = "" if schema.patients_known(state.study.audit) else schema.AS_TOLD
        whose = f"whose patient is not in training{as_told}" if new_patients else "of the test split"
        seeds = (
            f"mean of {len(values)} seeds, {min(values):.3f} to {max(values):.3f}" if len(values) > 1 else "one seed"
        )
        return (
            f"**{name}: {score} {sum(values) / len(values):.3f} on {n:,} photographs {whose} ({seeds}).** Chosen on "
            f"validation among {ended} trials (trial {best.record.trial}), then trained again and tested once for each "
            "seed. Intervals, and how it compares with the other arms, are in the report."
        )
    split, n = state.study.config["select_on"], state.study.splits["val"]
    if best.repeats:
        finalists = f"{best.repeats} finalist{'s' * (best.repeats > 1)}"
        return (
            f"**{name}: {score} {best.score:.3f}, mean of {finalists} on validation (n = {n:,} each, "
            f"trial {best.record.trial}).** The best few of {ended} trials were trained again with fresh seeds on "
            "other validation splits; a claim needs a confirmation on patients who took no part in the choice."
        )
    return (
        f"**{name}: {score} {best.score:.3f} on {split} (n = {n:,}, trial {best.record.trial}).** The best of {ended} "
        "trials, chosen on this part itself and so optimistic; a claim needs a confirmation on patients who took no "
        "part in the choice."
    )


def _confirmed(state: StudyState, best: TrialRecord) -> list[TestEvaluation]:
    """Readings of the test split by the best trial's confirmations in which the objective is defined."""
    mine = [one for one in state.confirmations.values() if one.confirm and one.confirm.trial == best.trial]
    score = f"test/{best.config['objective']}"
    return [one.test for one in mine if one.test and score in one.test.scores]


def report_note(answer: str, parent_study: str = "") -> str:
    """The report's first sentences (paragraphs), the first in bold; parent_study: whose folds it is about."""
    first, *rest = answer.split("\n\n")
    last = (
        f"Of all folds of {parent_study} together."
        if parent_study
        else "The whole report is among the artifacts of its run."
    )
    return "\n\n".join([f"**{first}**", *rest, last])
