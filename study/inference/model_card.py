"""MODEL_CARD.md: what a model is, how good it is and how surely, and what it must not be used for.

After Mitchell et al. 2019 (arXiv:1810.03993). Every number comes from the ledger or from stored predictions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.number_format import with_bounds
from analysis.schema import AS_TOLD, label, patients_known
from analysis.stats.calibration import SENSITIVITY, Referral, Temperature
from analysis.stats.influence import FEWEST_PATIENTS
from analysis.table_files import in_markdown
from analysis.tables.model_card_scores import RESAMPLES, SplitScores
from retina_data.grades import GRADE_NAMES, GRADES
from study.inference.best_model import BestModel
from study.inference.model_dir import Settings
from study.storage.events import StudyStarted

COLUMNS = ("accuracy", "kappa", "balanced_accuracy", "macro_f1", "auc")

PURPOSE = """\
## Intended use

Research: comparing ways of training, and as a candidate for a clinic's own evaluation on its own photographs, whose
grades are known, before anybody relies on it. It grades one colour photograph of the retina, centred on the macula, by
the international scale (0 no retinopathy, 1 mild, 2 moderate, 3 severe, 4 proliferative).

## What it must not be used for

- **No diagnosis, treatment or screening decision.** It is no medical device, and was never tested in practice.
- Not to tell anybody that an eye is healthy: it has been shown nothing but the grades above. Macular oedema, glaucoma,
  macular degeneration and all other diseases are not looked for.
- Not for other cameras, fields of view, pupils, ages or populations than those of its data, unless measured there.
- Not for photographs that `retina predict` warns of (no field of view found, dark, overexposed, small), nor for
  anything that is no photograph of a retina: it gives a grade to any picture.
- Its Grad-CAM pictures show where a network looks, not where a lesion is, and prove nothing about a finding.
"""

LICENCE = """\
## Licence

The program that made this folder is under Apache-2.0. That says nothing about these weights: what may be done with
them hangs on the terms of the photographs, and of the pretrained weights if any, that they were made from. Whoever
passes them on has to know those.
"""


GUESSED_PATIENTS = (
    "The data does not tell every patient (see below): the number of patients, and that none stands in two splits, "
    "hold as far as it does, and the intervals may be too narrow."
)


@dataclass(frozen=True)
class Facts:
    """Everything that a card states beside the winner itself. referrals: split -> what the threshold does there."""

    scores: list[SplitScores]
    referrals: dict[str, Referral]
    temperature: Temperature
    settings: Settings
    files: dict[str, str]  # name -> what it is
    check: str  # how the exported network was compared with what was stored


def model_card(winner: BestModel, facts: Facts) -> str:
    """The whole card, in Markdown."""
    sections = (
        _what(winner, facts.settings),
        _scores(winner, facts.scores),
        _use(winner.chosen_on, facts),
        PURPOSE,
        _data(winner.began),
        _files(facts, winner.began.versions),
        LICENCE,
    )
    return "\n".join(sections)


DECISIONS = {
    "most_probable": "the most probable grade",
    "median": "the median grade: the smallest whose probability, summed from grade 0 on, reaches one half",
}

VIEWS = {
    1: "the photograph as it is",
    4: "4 views of the photograph: as it is, mirrored left-right, top-bottom and both ways",
    8: "8 views of the photograph: mirrored both ways, and turned by 90 degrees",
}


def _what(winner: BestModel, settings: Settings) -> str:
    config, began = winner.config, winner.began
    weights = began.weights.get(config.architecture, {}) if config.pretrained else {}
    start = "random weights"
    if weights:
        kind = f"kind {in_markdown(weights['kind'])}, " if "kind" in weights else ""
        start = f"pretrained weights {in_markdown(weights['source'])} ({kind}SHA-256 {weights['digest'][:12]})"
    made = f"confirmation {winner.confirm} of trial {winner.trial}" if winner.confirm else f"trial {winner.trial}"
    if winner.others:
        made = f"{settings.members} confirmations ({winner.confirm}) of trial {winner.trial}, each with its own seed"
    if winner.record.confirm and winner.record.confirm.exclude_test_patients:
        as_told = "" if patients_known(began.audit) else AS_TOLD
        made += f", patients of the test split taken out of training{as_told}"
    networks = "one network" if settings.members == 1 else f"{settings.members} networks"
    fewer = "" if settings.views == config.views else " (the photographs that more were to be measured on had gone)"
    values = ", ".join(f"{name} {value}" for name, value in config.model_dump(mode="json").items())
    return (
        f"# Model card: {label(config.arm, winner.began.weights)}, study {winner.study}\n\n"
        "A residual network that grades diabetic retinopathy from a photograph of the retina.\n\n"
        f"- made by: {made}, weights after epoch {winner.epoch}, begun from {start}\n"
        f"- probabilities: the mean over {networks} and {VIEWS[settings.views]}{fewer}\n"
        f"- grade: {DECISIONS[settings.decision]}, of these probabilities before the temperature below\n"
        f"- chosen by: {_chosen(winner)}\n"
        f"- configuration: {values}\n"
    )


def _chosen(winner: BestModel) -> str:
    score = f"{winner.config.objective} on {winner.chosen_on}"
    repeats = winner.chosen.repeats
    if not repeats:
        return f"the highest {score} among the study's trials"
    times = "once" if repeats == 1 else f"{repeats} times"
    return (
        f"the highest mean {score} among the best trials, which were trained again {times} with fresh seeds on other "
        f"validation splits: {winner.chosen.score:.4f}"
    )


def _scores(winner: BestModel, scores: list[SplitScores]) -> str:
    lines = [
        "## Scores",
        "",
        "In brackets 95 % intervals over patients, both eyes together, of this model: of accuracy and recall Clopper",
        f"and Pearson's, of kappa by each patient's influence, of others by {RESAMPLES:,} resamples. Kappa of fewer",
        f"than {FEWEST_PATIENTS} patients has none, nor has a kappa of 1, nor a score whose resamples are all alike.",
        "",
        *_table(
            ["split", "photographs", "patients", "majority class", *(name.replace("_", " ") for name in COLUMNS)],
            [
                [m.split, f"{m.n:,}", f"{m.patients:,}", f"{m.majority:.4f}", *(m.text(s) for s in COLUMNS)]
                for m in scores
            ],
        ),
        "",
        *([] if patients_known(winner.began.audit) else [GUESSED_PATIENTS, ""]),
        "Majority class: the accuracy of always answering the most frequent grade. Recall, with a grade's photographs:",
        "",
        *_table(
            ["split", *(f"{grade} {GRADE_NAMES[grade]}" for grade in GRADES)],
            [[m.split, *(f"{m.text(f'recall_{g}')}, n {m.counts[g]:,}" for g in GRADES)] for m in scores],
        ),
        "",
    ]
    for one in scores:
        if limitation := one.limitation():
            lines.append(f"**{limitation}**\n")
    if winner.record.test and winner.others:
        lines.append(
            f"The test split was read once for each of the {len(winner.members)} networks; the scores are those of the "
            f"mean of these stored probabilities. {winner.record.test.earlier} readings came before the first.\n"
        )
    elif winner.record.test:
        lines.append(
            f"The test split was read once for this model; {winner.record.test.earlier} readings came before.\n"
        )
    else:
        lines.append("**Not confirmed: no score here is of photographs that nothing was chosen on.**\n")
    return "\n".join(lines)


def _use(chosen_on: str, facts: Facts) -> str:
    heat, settings = facts.temperature, facts.settings
    rows = [
        [
            split,
            f"{r.referable:,}",
            with_bounds(r.sensitivity, r.sensitivity_bounds),
            f"{r.healthy:,}",
            with_bounds(r.specificity, r.specificity_bounds),
        ]
        for split, r in facts.referrals.items()
    ]
    caveat = f" ({heat.caveat})" if heat.caveat else ""
    return "\n".join(
        [
            "## Probabilities and referral",
            "",
            f"The logarithm of the mean probabilities is divided by a temperature of {heat.value:.4g}{caveat}, fitted "
            f"on {chosen_on}: mean negative log-likelihood {heat.before:.4f} without it, {heat.after:.4f} with it. The "
            f"softmax of that is what `retina predict` shows as p0 to p4; the grade is called before it, as it was "
            f"measured, so it need not be the one that p0 to p4 would call. Eyes of grade "
            f"{settings.referable_from} and worse are referable; one is referred where p2 + p3 + p4 then reaches "
            f"{settings.referable_threshold:.4g}, chosen to find {SENSITIVITY:.0%} of the referable eyes of "
            f"{chosen_on}. What that does (95 % intervals over patients, as those of recall):",
            "",
            *_table(["split", "referable", "sensitivity", "not referable", "specificity"], rows),
            "",
        ]
    )


def _data(began: StudyStarted) -> str:
    audit, identity, splits = began.audit, began.identity, began.splits
    rows = [
        [split, f"{n:,}", *(f"{n:,}" for n in audit["grades"][split]), _number(audit["majority"][split])]
        for split, n in audit.get("images", {}).items()
        if n and split in audit.get("grades", {})
    ]
    lines = [
        "## Data",
        "",
        f"Digest of names, grades and contents: `{identity['data_digest']}`;",
        f"of the split: `{identity['split_digest']}`.",
        f"Photographs as they were used: {', '.join(f'{p} {n:,}' for p, n in splits.items())}. As the files list them:",
        "",
        *_table(["split", "photographs", *(f"grade {grade}" for grade in GRADES), "majority class"], rows),
        "",
    ]
    copy = audit.get("fellow_copy")
    if copy:
        lines.append(
            f"- Copying the grade of the patient's other eye from training scores {copy['accuracy']:.4f} on the test "
            f"list (n {copy['n']:,}) without looking at a photograph."
        )
    texts = [str(finding["text"]) for finding in audit.get("findings", [])] + [str(line) for line in began.notes]
    lines += [f"- {in_markdown(text)}" for text in dict.fromkeys(texts)]
    return "\n".join([*lines, ""])


def _number(share: float | None) -> str:
    return "undefined" if share is None or np.isnan(share) else f"{share:.4f}"


def _files(facts: Facts, made_with: dict[str, str]) -> str:
    versions = ", ".join(f"{name} {in_markdown(value)}" for name, value in made_with.items())
    lines = ["## Files", "", *(f"- `{name}`: {what}" for name, what in facts.files.items()), ""]
    return "\n".join([*lines, f"{facts.check} Trained with: {versions}.", ""])


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
