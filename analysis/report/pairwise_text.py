"""The arms against each other, in a sentence: what their trained models say, and what that says of configurations."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.number_format import equals_p, signed, with_sign
from analysis.results.columns import DIFFERENCES
from analysis.results.labels import Row, listed, spoken

ONE_MORE_SEED = "for one more seed on the same training images and split"


def comparison(pairs: pd.DataFrame) -> list[str]:
    """What the family of differences in the objective says of the models; none where nothing was tested.

    pairs: pairwise.pairs(study). No arm is ranked: only a difference whose interval, which holds together with all
    others, leaves out 0 is said to be one.
    """
    tested = pairs[pairs["p_adjusted"].notna()].to_dict("records")
    if not tested:
        return []
    score = str(tested[0]["score"])
    apart = [pair for pair in tested if _excludes_zero(pair, f"{score}_difference")]
    p = "adjusted p" if len(tested) > 1 else "p"
    if apart:
        found = [
            f"{ahead} is ahead of {behind} by {signed(pair, score, sign).replace('+', '')[:-1]}; {p} "
            f"{equals_p(pair['p_adjusted'])})"
            for ahead, behind, pair, sign in (_ordered(pair, score) for pair in apart)
        ]
        left = len(tested) - len(apart)
        rest = f"; the other {'one' if left == 1 else left} cannot be told from 0" * bool(left)
        together = f", {_together(len(tested))}," * (len(tested) > 1)
        return [f"In {score}{together or ','} of these models {listed(found)}{rest}."]
    widest = max(tested, key=lambda pair: abs(float(pair[f"{score}_difference"])))
    described = _described(tested, score)
    if all(abs(float(pair[f"{score}_difference"])) < 1e-12 for pair in tested):
        return [f"These models of the arms have the same {score}{described}."]
    ahead, behind, pair, sign = _ordered(widest, score)
    one = f"{ahead} minus {behind}, {signed(pair, score, sign)}, {p} {equals_p(pair['p_adjusted'])}"
    if len(tested) == 1:
        return [f"The difference in {score} between these models of two arms cannot be told from 0 ({one}){described}."]
    return [
        f"No difference in {score} between these models of the arms can be told from 0, {_together(len(tested))} (the "
        f"largest is {one}){described}."
    ]


def _described(pairs: Sequence[Row], score: str) -> str:
    """The largest difference in the other score, where its own interval leaves out 0: shown, and not tested."""
    other = next(one for one in DIFFERENCES if one != score)
    apart = [pair for pair in pairs if _excludes_zero(pair, f"{other}_difference")]
    if not apart:
        return ""
    ahead, behind, pair, sign = _ordered(max(apart, key=lambda one: abs(float(one[f"{other}_difference"]))), other)
    return f"; {other}, which is described and not tested, differs: {ahead} minus {behind}, {signed(pair, other, sign)}"


def of_configurations(pairs: pd.DataFrame) -> list[str]:
    """Whether configurations differ, with another seed; none where nothing was tested, or of one seed."""
    tested = pairs[pairs["p_adjusted"].notna()].to_dict("records")
    if not tested:
        return []
    score = str(tested[0]["score"])
    name = f"{score}_difference_configuration"
    known = [pair for pair in tested if not pd.isna(pair[f"{name}_low"])]
    apart = [pair for pair in known if _excludes_zero(pair, name)]
    if not known:
        return []
    if not apart:
        return ["with another seed of each no configuration is shown to be ahead of another"]
    found = []
    for pair in apart:
        ahead, behind, _, sign = _ordered(pair, score)
        low, high = sorted(sign * float(pair[f"{name}{end}"]) for end in ("_low", "_high"))
        found.append(f"{ahead} is ahead of {behind} ({with_sign(low)} to {with_sign(high)})")
    return [f"with another seed of each, of the configurations {listed(found)}"]


def _ordered(pair: Row, score: str) -> tuple[str, str, Row, int]:
    """(higher arm, lower arm, pair, sign that makes its difference positive)."""
    a, b = spoken(str(pair["label_a"])), spoken(str(pair["label_b"]))
    return (a, b, pair, 1) if pair[f"{score}_difference"] >= 0 else (b, a, pair, -1)


def _excludes_zero(pair: Row, name: str) -> bool:
    return bool(pair[f"{name}_low"] > 0 or pair[f"{name}_high"] < 0)


def _together(count: int) -> str:
    return f"all {count} differences taken together" if count > 2 else "both differences taken together"
