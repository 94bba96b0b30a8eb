"""One arm against each other, in a sentence: what the trained models say, and what that says of their
configurations."""

from __future__ import annotations

import pandas as pd

from analysis.number_format import equals_p, signed
from analysis.results.columns import RUN, VALIDATION
from analysis.results.labels import Row, listed, spoken

LEVEL = 0.05


def comparison(pairs: pd.DataFrame, top: Row, score: str) -> list[str]:
    """A sentence about the arm `top` and each other that it was compared with; none where there is no other.

    pairs: pairwise.pairs(study). On the test split it counts as another when the paired test of accuracy says so,
    adjusted for all pairs; on the split that both were chosen on a test would promise too much, and the interval of the
    paired difference in `score` has to do.
    """
    tested = top["measured_on"] != VALIDATION
    groups: dict[str, list[str]] = {"ahead": [], "behind": [], "tie": []}
    for other, pair, sign in against(pairs, top):
        by = "accuracy" if tested else score
        text = f"{by} {signed(pair, by, sign)}" + (f", p {equals_p(pair['p_holm'])}" if tested else "")
        groups[_place(pair, sign, score, tested)].append(f"{other} ({text})")
    said = []
    if groups["ahead"]:
        said.append(f"{'more often right' if tested else 'better'} than {listed(groups['ahead'])}")
    if groups["behind"]:
        said.append(f"{'less often right' if tested else 'worse'} than {listed(groups['behind'])}")
    if groups["tie"]:
        said.append(f"not to be told from {listed(groups['tie'])}")
    if not said:
        return []
    how = (
        "by the paired test by patient, with Holm's correction, these trained models are"
        if tested
        else "by the interval of each paired difference it is"
    )
    return [f"{how[0].upper()}{how[1:]} {listed(said)}."]


def of_configurations(pairs: pd.DataFrame, top: Row) -> list[str]:
    """Whether differences in accuracy that the test finds between trained models hold with other seeds, too."""
    if top["measured_on"] == VALIDATION:
        return []
    robust: list[str] = []
    open_: list[str] = []
    unknown: list[str] = []
    for other, pair, sign in against(pairs, top):
        if _place(pair, sign, "accuracy", True) == "tie":
            continue
        low, high = sorted(sign * float(pair[f"accuracy_difference_configuration{end}"]) for end in ("_low", "_high"))
        if pd.isna(low):
            unknown.append(other)
        else:
            (open_ if low <= 0 <= high else robust).append(f"{other} ({low:.3f} to {high:.3f})")
    found = []
    if open_:
        found.append(
            f"That the models differ in accuracy from {listed(open_)} need not hold with other seeds: the 95 % "
            f"interval{'s' * (len(open_) > 1)} for the configurations hold{'s' * (len(open_) == 1)} 0."
        )
    if robust:
        found.append(
            f"The difference in accuracy holds for the configurations too, with any seed: to {listed(robust)}."
        )
    if unknown:
        found.append(f"Whether the difference in accuracy to {listed(unknown)} holds with other seeds is not known.")
    return found


def by_kappa(pairs: pd.DataFrame, top: Row) -> list[str]:
    """Differences in kappa beside a tie in accuracy: kappa counts how far off an answer is, accuracy does not."""
    if top["measured_on"] == VALIDATION:
        return []
    groups: dict[str, list[str]] = {"ahead of": [], "behind": []}
    for other, pair, sign in against(pairs, top):
        low, high = sorted(sign * float(pair[f"kappa_difference{end}"]) for end in ("_low", "_high"))
        if _place(pair, sign, "accuracy", True) == "tie" and (low > 0 or high < 0):
            groups["ahead of" if low > 0 else "behind"].append(f"{other} ({signed(pair, 'kappa', sign)})")
    return [
        f"In kappa, by the interval of each difference, not corrected for the number of pairs, it is {way} "
        f"{listed(others)}."
        for way, others in groups.items()
        if others
    ]


def against(pairs: pd.DataFrame, top: Row) -> list[tuple[str, Row, int]]:
    """(other arm, pair, sign that turns the pair's difference into `top` minus the other), of the pairs that ran."""
    return [
        (spoken(pair["label_b"]), pair, 1) if pair["arm_a"] == top["arm"] else (spoken(pair["label_a"]), pair, -1)
        for pair in pairs[pairs["status"] == RUN].to_dict("records")
        if top["arm"] in (pair["arm_a"], pair["arm_b"])
    ]


def _place(pair: Row, sign: int, score: str, tested: bool) -> str:
    if tested:
        differs, better = pair["p_holm"] < LEVEL, sign * pair["accuracy_difference"] > 0
    else:
        low, high = sorted(sign * float(pair[f"{score}_difference{end}"]) for end in ("_low", "_high"))
        differs, better = low > 0 or high < 0, low > 0
    return ("ahead" if better else "behind") if differs else "tie"
