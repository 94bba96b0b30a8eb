"""How MLflow's page shows a study's trials: columns, order and charts, as plain data, and the links to them.

A saved view is an experiment tag that MLflow's page writes when a user shares what is on the screen. Its format is
MLflow's own and not documented; it is as read in MLflow 3.17.2 and held by tests/browser. A page that does not know
it any more shows an error and the plain list, which is what `plain_link` is for.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from analysis import schema

VIEW_ID = "retina-trials"

VIEW_TAG = f"mlflow.sharedViewState.{VIEW_ID}"

VIEW_NAME = "retina: trials, best first"

IMAGE_KEY = "confusion"

ONLY_TRIALS = f"tags.{schema.TAG_KIND} = '{schema.KIND_TRIAL}'"
"""Neither the study's own run nor its confirmations, whose scores were measured on other photographs."""

MOST_PACKED, MOST_STATE = 100_000, 1_000_000  # characters, bytes: MLflow takes a tag of 20,000

_CHARTS, _OTHERS = "retina-charts", ("best", "budget", "hparam", "train", "val", "test", "test_new_patients")

_MODE = {"compareRunsMode": "CHART", "workflowType": "machine_learning"}


def saved_view(objective: str, axes: Sequence[str], now: int, before: str | None = None) -> str:
    """Value of the experiment tag VIEW_TAG.

    objective: kappa or accuracy. axes: hyperparameters that differ between trials. now: milliseconds. before: the
    tag's value as it is, which keeps its creation time, and stays as it is where nothing changed.
    """
    state = view_state(objective, axes)
    created = now
    if before is not None:
        try:
            known = json.loads(before[: 2 * MOST_PACKED])
            created = int(known["createdAt"])
            if unpacked(known["state"]) == state:
                return before
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error):
            pass  # written by something else: ours replaces it
    return json.dumps({"name": VIEW_NAME, "createdAt": created, "updatedAt": now, "state": packed(state)})


def view_state(objective: str, axes: Sequence[str]) -> dict[str, Any]:
    """What a saved view holds: trials by their best objective, and four charts above everything else."""
    best = f"best/val_{objective}"
    return {
        "searchFilter": ONLY_TRIALS,
        "orderByKey": _column("metrics", best),
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": [
            _column("tags", schema.TAG_ARM),
            _column("tags", schema.TAG_STATE),
            *(_column("metrics", f"best/val_{score}") for score in ("kappa", "accuracy")),
            *(_column("params", name) for name in ("lr", "batch_size", "imbalance")),
        ],
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "isAccordionReordered": True,  # else the page puts the sections in the order of the alphabet
        "compareRunSections": [
            {**_section(_CHARTS, "Trials", True), "columns": 2, "cardHeight": 400},
            *(_section(name, name, False) for name in _OTHERS),
        ],
        "compareRunCharts": _charts(objective, best, axes),
    }


def _charts(objective: str, best: str, axes: Sequence[str]) -> list[dict[str, Any]]:
    rate = schema.hparam("log10_lr")
    metrics = [rate, best] if "lr" in axes else [best]
    curve = f"val/{objective}"
    return [
        _chart("PARALLEL", selectedParams=[name for name in axes if name != "lr"], selectedMetrics=metrics,
               showAllRuns=False),
        _chart("SCATTER", runsCountToCompare=100, xaxis={"key": rate, "type": "METRIC"},
               yaxis={"key": best, "type": "METRIC"}),
        _chart("LINE", metricKey=curve, selectedMetricKeys=[curve], xAxisKey="step", useGlobalXaxisKey=False,
               selectedXAxisMetricKey="", xAxisScaleType="linear", scaleType="linear", range={}, lineSmoothness=0,
               useGlobalLineSmoothing=True, yAxisKey="metric", yAxisExpressions=[], ignoreOutliers=False),
        _chart("IMAGE", imageKeys=[IMAGE_KEY], step=0, showRunParams=False),
    ]  # fmt: skip


def _chart(kind: str, **fields: Any) -> dict[str, Any]:
    common = {"uuid": f"retina-{kind.lower()}", "type": kind, "metricSectionId": _CHARTS}
    return {**common, "runsCountToCompare": 10, "deleted": False, "isGenerated": False, **fields}


def _section(uuid: str, name: str, is_open: bool) -> dict[str, Any]:
    """One of ours, or one that the page would add by itself: known to it, it stays closed."""
    return {"uuid": uuid, "name": name, "display": is_open, "isReordered": True, "deleted": False, "isGenerated": False}


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def packed(state: Mapping[str, Any]) -> str:
    """A view's state as its tag holds it: at most 20,000 characters fit."""
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()


def unpacked(text: str) -> Any:
    """The state again; raises ValueError, zlib.error or RecursionError for what is none, or is larger than a view."""
    inflate = zlib.decompressobj()
    data = inflate.decompress(base64.b64decode(text[:MOST_PACKED].removeprefix("deflate;")), MOST_STATE)
    if inflate.unconsumed_tail or len(text) > MOST_PACKED:
        raise ValueError(f"a view has at most {MOST_STATE:,} bytes")
    return json.loads(data)


def view_link(server: str, experiment: str) -> str:
    """Link to the saved view. Nothing of the order may stand in it, or the page does not look at the view."""
    return _link(server, experiment, {"viewStateShareKey": VIEW_ID, **_MODE})


def plain_link(server: str, experiment: str, objective: str) -> str:
    """Link to the trials as a list, best first, for a store that takes no view."""
    order = {"orderByKey": _column("metrics", f"best/val_{objective}"), "orderByAsc": "false"}
    return _link(server, experiment, {"searchFilter": ONLY_TRIALS, **order, "workflowType": _MODE["workflowType"]})


def image_file(moment: int, run_id: str, ending: str) -> str:
    """Artifact that the page takes for a picture of IMAGE_KEY; named by run and time, so that it is there once."""
    return f"images/{IMAGE_KEY}+step+0+timestamp+{moment}+{run_id}{ending}"


def _link(server: str, experiment: str, query: Mapping[str, str]) -> str:
    return f"{server}/#/experiments/{experiment}/runs?{urlencode(query, quote_via=quote)}"
