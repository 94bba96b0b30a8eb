"""The saved view as data; that MLflow's page takes it stands in tests/browser."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from study.tracking.saved_view import (
    ONLY_TRIALS,
    VIEW_ID,
    image_file,
    packed,
    plain_link,
    saved_view,
    unpacked,
    view_link,
    view_state,
)

AXES = ("architecture", "batch_size", "lr", "pretrained")


def _query(link: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(urlsplit(link).fragment).query)


def test_a_state_is_read_again_as_it_was_packed() -> None:
    state = view_state("kappa", AXES)
    text = packed(state)
    assert text.startswith("deflate;")
    assert unpacked(text) == state


def test_a_view_orders_trials_by_what_the_study_is_about() -> None:
    for objective in ("kappa", "accuracy"):
        state = view_state(objective, AXES)
        assert state["orderByKey"] == f"metrics.`best/val_{objective}`" and state["orderByAsc"] is False
        assert state["searchFilter"] == ONLY_TRIALS == "tags.kind = 'trial'"
        kinds = {chart["type"]: chart for chart in state["compareRunCharts"]}
        assert list(kinds) == ["PARALLEL", "SCATTER", "LINE", "IMAGE"]
        assert kinds["LINE"]["metricKey"] == f"val/{objective}"
        assert kinds["SCATTER"]["yaxis"]["key"] == f"best/val_{objective}"
        assert {chart["metricSectionId"] for chart in kinds.values()} == {state["compareRunSections"][0]["uuid"]}


def test_parallel_axes_are_those_that_differ_and_the_rate_is_on_its_logarithm() -> None:
    parallel = view_state("kappa", AXES)["compareRunCharts"][0]
    assert parallel["selectedParams"] == ["architecture", "batch_size", "pretrained"]
    assert parallel["selectedMetrics"] == ["hparam/log10_lr", "best/val_kappa"]
    assert view_state("kappa", ("imbalance",))["compareRunCharts"][0]["selectedMetrics"] == ["best/val_kappa"]


def test_a_view_that_says_the_same_stays_and_another_keeps_its_birthday() -> None:
    first = saved_view("kappa", AXES, 1000)
    assert saved_view("kappa", AXES, 2000, first) == first
    later = json.loads(saved_view("accuracy", AXES, 2000, first))
    assert (later["createdAt"], later["updatedAt"]) == (1000, 2000)
    assert isinstance(later["name"], str)


@pytest.mark.parametrize("broken", ["", "no json", "{}", '{"createdAt": 5, "state": "deflate;!!"}', "[]"])
def test_a_tag_that_is_no_view_is_replaced(broken: str) -> None:
    assert unpacked(json.loads(saved_view("kappa", AXES, 2000, broken))["state"]) == view_state("kappa", AXES)


def test_a_view_fits_into_its_tag() -> None:
    many = [f"hyperparameter_{number}" for number in range(60)]
    assert len(saved_view("kappa", many, 1000)) < 5_000  # a tag of an experiment holds 20,000 characters


def test_links_hold_the_view_or_the_order_and_never_both() -> None:
    with_view = _query(view_link("http://h:1", "7"))
    assert with_view["viewStateShareKey"] == [VIEW_ID] and with_view["compareRunsMode"] == ["CHART"]
    assert not {"orderByKey", "searchFilter", "orderByAsc"} & set(with_view)
    plain = _query(plain_link("http://h:1", "7", "accuracy"))
    assert plain["orderByKey"] == ["metrics.`best/val_accuracy`"] and plain["searchFilter"] == [ONLY_TRIALS]
    assert "viewStateShareKey" not in plain
    assert plain_link("http://h:1", "7", "kappa").startswith("http://h:1/#/experiments/7/runs?")


def test_a_picture_is_named_as_the_page_expects_and_once() -> None:
    name = image_file(1005, "ab", ".png")
    assert name == "images/confusion+step+0+timestamp+1005+ab.png" == image_file(1005, "ab", ".png")
