"""The page is one file, asks for nothing, escapes what it is given, and is right for studies of every state."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis import figures, records
from analysis.report import write_report
from analysis.runs import StudyRuns, read_study
from tests import mlflow_fixture as fixture
from tests.mlflow_fixture import TrialSpec


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on an element that is closed out of order."""

    VOID = ("meta", "img", "br", "!doctype")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data

    def rows(self, word: str) -> int:
        return self.words.count(word)


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DPI", 30)  # nobody looks at these pictures


def page_of(study: StudyRuns, folder: Path) -> tuple[Page, str]:
    text = write_report(study, folder).read_text("utf-8")
    return Page(text), text


def test_the_page_holds_everything_in_one_file(tmp_path: Path) -> None:
    page, text = page_of(read_study(fixture.four_arms(), "four"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.csv",
        "best_by_accuracy.csv",
        "figures",
        "four_way.csv",
        "leaderboard.csv",
        "report.html",
    ]
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4
    assert all(str(one["src"]).startswith("data:image/svg+xml;base64,") for one in images)
    assert all("kappa 0." in str(one["alt"]) for one in images)
    policy = [one["content"] for tag, one in page.tags if tag == "meta" and one.get("http-equiv")]
    assert len(policy) == 1
    assert str(policy[0]).startswith("default-src 'none'; img-src data:;")
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in page.tags}
    assert not re.search(r"(src|href|url\()\W*https?:", text)
    for word in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert word in text


def test_the_answer_comes_first_then_table_figures_leaderboard_and_what_was_run(tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.four_arms(), "four"), tmp_path)
    order = [
        "holds the best of 8 ended trials",
        "Four-way comparison",
        "Recall by grade",
        "Figures",
        "Leaderboard",
        "Configurations with 82 % accuracy or more",
        "What was run",
        "Commands that repeat it",
    ]
    places = [page.words.index(word) for word in order]
    assert places == sorted(places)
    assert "retina search four --data DATA" in page.words
    assert "torch 2.14.1, python 3.11" in page.words
    for word in ("0.84728", "5,618", "source18.safetensors", '"sampler": "tpe"', "d" * 64):
        assert word in page.words
    assert "Before you read on" not in page.words


def test_hostile_names_and_reasons_are_text(tmp_path: Path) -> None:
    name = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    hostile = "<b>=cmd|' /C calc'!A0</b>"
    trials = [
        TrialSpec(0, "resnet18-scratch", params={"optimizer": hostile}),
        TrialSpec(1, "resnet18-scratch", state=records.STATE_FAILED, best=False, reason=hostile),
    ]
    saved = {"commands": [hostile], "config": {hostile: hostile}, "notes": [hostile], "audit": {"notes": [hostile]}}
    uri = fixture.write_study(name, trials, not_run={"resnet50-scratch": hostile}, study=saved)
    page, _ = page_of(read_study(uri, name), tmp_path)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert not [one for _, one in page.tags if "onerror" in one]
    assert name in page.words
    assert page.rows("<b>=cmd") >= 6


def test_no_absolute_path_reaches_the_page_or_the_tables(tmp_path: Path) -> None:
    secret = "/home/anna/retina/weights.pth"
    saved = {
        "config": {"weights": {"resnet18": secret}},
        "weights": {"resnet18": {"source": secret}},
        "commands": [f"retina search paths --data {secret}"],
        "notes": [f"reads {secret}"],
    }
    trials = [
        TrialSpec(0, "resnet18-scratch"),
        TrialSpec(1, "resnet18-scratch", state=records.STATE_FAILED, best=False, reason=secret),
    ]
    uri = fixture.write_study("paths", trials, not_run={"resnet50-pretrained": f"no {secret}"}, study=saved)
    page, _ = page_of(read_study(uri, "paths"), tmp_path)
    assert page.rows("weights.pth") >= 5
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"anna" not in path.read_bytes()


def test_the_labs_model_without_pretraining_is_called_degenerate(tmp_path: Path) -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=2)]
    uri = fixture.write_study("lab report", trials, selected_on="test")
    page, text = page_of(read_study(uri, "lab report"), tmp_path)
    assert "its accuracy of 0.7335 says only how frequent that grade is (kappa 0)" in page.words
    assert '<span class="flag">degenerate</span>' in text
    assert "0.000 (0.000 to 0.000)" in page.words
    assert "test (chosen on test: optimistic)" in page.words
    assert page.rows("not run: no trial of this cell has been started") == 6  # in the remarks and in the table


@pytest.mark.parametrize(
    ("name", "trials"),
    [
        ("no trial at all", []),
        ("only failed", [TrialSpec(0, "resnet18-scratch", state=records.STATE_FAILED, best=False, epochs=0)]),
        ("still running", [TrialSpec(0, "resnet50-pretrained", state=records.STATE_RUNNING, best=False, epochs=1)]),
        ("one trial", [TrialSpec(0, "resnet50-pretrained", epochs=1)]),
    ],
)
def test_unfinished_studies_have_an_honest_page(name: str, trials: list[TrialSpec], tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.write_study(name, trials, study={}), name), tmp_path)
    if name == "one trial":
        assert "ResNet50 with pretraining holds the only ended trial" in page.words
        assert "by the estimate" in page.words
    else:
        assert "so nothing can be concluded" in page.words
        assert not [tag for tag, _ in page.tags if tag == "img"]
    assert "nan" not in page.words.lower()
