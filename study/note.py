"""The first thing that is read of a study in MLflow: its result in a sentence, with what it is not."""

from __future__ import annotations

from analysis import records
from study.ledger import StudyState, ranked


def closing_note(state: StudyState) -> str:
    """What the ledger alone can say at a study's end (Markdown): best trial, n, and that it was chosen there."""
    assert state.study is not None
    ended = sum(1 for record in state.trials.values() if record.end)
    lines = [_result(state), f"{ended} of {state.study['config']['trials']} trials ended."]
    lines += [f"Not run: {records.ARM_LABELS.get(arm, arm)}: {why}." for arm, why in state.study["not_run"].items()]
    return "\n\n".join(lines)


def _result(state: StudyState) -> str:
    assert state.study is not None
    best = next(iter(ranked(state.trials.values())), None)
    if best is None:
        return "**No result:** no trial has ended with a score."
    part, n = state.study["config"]["select_on"], state.study["parts"]["val"]
    among = len([record for record in state.trials.values() if record.end])
    return (
        f"**{records.ARM_LABELS[best.arm]}: {state.study['objective']} {best.best_score():.3f} on {part} "
        f"(n = {n}, trial {best.trial}).** The best of {among} trials, chosen on this part itself and so optimistic; "
        "a claim needs a confirmation on patients who took no part in the choice."
    )


def report_note(answer: str) -> str:
    """The report's first sentences (paragraphs), the first in bold."""
    first, *rest = answer.split("\n\n")
    return "\n\n".join([f"**{first}**", *rest, "The whole report is among the artifacts of the study's run."])
