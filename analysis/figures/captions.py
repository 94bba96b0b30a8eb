"""Words that the captions of the figures share: what was measured, on how many images, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.results.columns import RUN, VALIDATION
from analysis.results.predictions import Models


def measured_on(headline: pd.DataFrame) -> str:
    """Part and n of the judged numbers, as they stand in a figure; headline: columns.headline(cells)."""
    return f"{headline['part'].iloc[0]}; {_count(headline)}"


def about(headline: pd.DataFrame) -> str:
    """Closing words of a caption: what was measured on which part, and which cells are not there."""
    confirmed = str(headline["measured_on"].iloc[0]) != VALIDATION
    whose = "The confirmed winner of each cell" if confirmed else "Best trial of each cell"
    missing = [f"{cell['cell']}: {cell['status']}" for cell in headline.to_dict("records") if cell["status"] != RUN]
    tail = f" {'; '.join(missing)}." if missing else ""
    return f"{whose}, {headline['part'].iloc[0]}; {_count(headline)}.{tail}"


def over_seeds(models: Mapping[str, Models]) -> str:
    """Words on the number of seeds, with a comma in front; "" for one."""
    most = max((len(one.seeds) for one in models.values()), default=0)
    return f", mean of {most} seeds" if most > 1 else ""


def _count(headline: pd.DataFrame) -> str:
    known = headline[headline["n"].notna()]
    if known.empty:
        return "no cell has been measured yet"
    most = known.sort_values("n").iloc[-1]
    patients = "" if pd.isna(most["patients"]) else f" of {int(most['patients']):,} patients"
    return f"n = {int(most['n']):,} images{patients}"
