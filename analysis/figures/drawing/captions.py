"""Words of captions: what was measured on which split, and over how many seeds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.results.columns import RUN, VALIDATION
from analysis.results.predictions import PredictionSet


def measured_on(primary: pd.DataFrame) -> str:
    """Split and n of the primary endpoint, as they stand in a figure; primary: columns.primary_endpoint(four_way)."""
    return f"{primary['split'].iloc[0]}; {_count(primary)}"


def about(primary: pd.DataFrame) -> str:
    """Closing words of a caption: what was measured on which split, and which arms are not there."""
    confirmed = str(primary["measured_on"].iloc[0]) != VALIDATION
    whose = "The confirmed winner of each arm" if confirmed else "Best trial of each arm"
    missing = [f"{row['label']}: {row['status']}" for row in primary.to_dict("records") if row["status"] != RUN]
    tail = f" {'; '.join(missing)}." if missing else ""
    return f"{whose}, {primary['split'].iloc[0]}; {_count(primary)}.{tail}"


def over_seeds(models: Mapping[str, PredictionSet]) -> str:
    """Words on the number of seeds, with a comma in front; "" for one."""
    most = max((len(one.seeds) for one in models.values()), default=0)
    return f", mean of {most} seeds" if most > 1 else ""


def _count(primary: pd.DataFrame) -> str:
    known = primary[primary["n"].notna()]
    if known.empty:
        return "no arm has been measured yet"
    most = known.sort_values("n").iloc[-1]
    patients = "" if pd.isna(most["patients"]) else f" of {int(most['patients']):,} patients"
    return f"n = {int(most['n']):,} images{patients}"


def n_trials(count: int) -> str:
    """`n = 1 trial`, `n = 1,000 trials`."""
    return f"n = {count:,} trial{'' if count == 1 else 's'}"
