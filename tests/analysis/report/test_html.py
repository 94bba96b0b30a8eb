"""The page is one file, asks for nothing, escapes what it is given, and is right for studies of every state."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis import schema
from analysis.figures import all_figures
from analysis.figures.drawing.figure_files import FigureFiles, FigureSpec
from analysis.report.html import write_report
from analysis.results.mlflow_reader import read_study
from analysis.results.study_runs import StudyRuns
from analysis.table_files import write_whole
from tests.fixtures import figures as figures_fixture
from tests.fixtures import mlflow as fixture
from tests.fixtures.mlflow import TrialSpec


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on an element that is closed out of order."""

    VOID = ("meta", "img", "br", "source", "!doctype")

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
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures without drawing: each is drawn for studies of every state in the tests of its module."""

    def write(one: FigureSpec, folder: Path) -> FigureFiles:
        paths = {kind: folder / f"{one.name}.{kind}" for kind in ("png", "svg", "csv")}
        for path in paths.values():
            write_whole(path, b"blank")
        column = paths["svg"] if one.column else None
        return FigureFiles(one.name, one.title, one.caption, one.alt, **paths, column=column)

    monkeypatch.setattr(all_figures, "write_picture", write)


def page_of(study: StudyRuns, folder: Path) -> tuple[Page, str]:
    text = write_report(study, folder).read_text("utf-8")
    return Page(text), text


def test_the_page_holds_everything_in_one_file(tmp_path: Path) -> None:
    page, text = page_of(read_study(fixture.four_arms(), "four"), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "answer.md", "figures", "tables", "four_way.csv", "pairs.csv", "seeds.csv"} <= names
    assert (
        (tmp_path / "answer.md")
        .read_text()
        .startswith("The primary endpoint, quadratic weighted kappa of the arm that")
    )
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    sources = [attributes for tag, attributes in page.tags if tag == "source"]
    assert len(images) == 11
    assert len(sources) == 10  # parallel coordinates can only be read across a page
    for one in (*(image["src"] for image in images), *(source["srcset"] for source in sources)):
        assert str(one).startswith("data:image/svg+xml;base64,")
    assert all(len(str(one["alt"])) > 60 for one in images)
    policy = [one["content"] for tag, one in page.tags if tag == "meta" and one.get("http-equiv")]
    assert len(policy) == 1
    assert str(policy[0]).startswith("default-src 'none'; img-src data:;")
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    links = [str(one["href"]) for tag, one in page.tags if tag == "a"]
    ids = {f"#{one['id']}" for _, one in page.tags if "id" in one}
    assert links and set(links) <= ids
    assert not re.search(r"(src|href|srcset|url\()\W*https?:", text)
    for word in ("prefers-color-scheme: dark", "@media print", "width=device-width", "max-width: 40rem"):
        assert word in text


def test_the_answer_comes_first_then_table_figures_leaderboard_and_what_was_run(tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.four_arms(), "four"), tmp_path)
    order = [
        "holds the first of 8 ended trials",
        "Four-way comparison",
        "Recall by grade",
        "Differences",
        "Measured beside it",
        "An arm has one colour, marker and line",
        "Figures with nothing to show",
        "Leaderboard",
        "Configurations with 82 % accuracy or more",
        "Budgets",
        "eyes whose fellow eye stands in the training list",
        "Commands",
    ]
    places = [page.words.index(word) for word in order]
    assert places == sorted(places)
    assert "retina search four --data DATA" in page.words
    assert "torch 2.14.1, python 3.11" in page.words
    for word in ("0.84728", "source18.safetensors", '"sampler": "tpe"', "d" * 64):
        assert word in page.words
    assert "The worst mistakes: no pictures were made of them" in page.words


def test_on_a_phone_each_trial_is_a_card_whose_values_say_what_they_are(tmp_path: Path) -> None:
    page, text = page_of(read_study(fixture.confirmed(), "confirmed"), tmp_path)
    tables = [str(one["class"]) for tag, one in page.tags if tag == "table"]
    assert tables.count("cards trials") == 2  # leaderboard, and those that reach the threshold
    for table in re.findall(r'<table class="cards.*?</table>', text, re.DOTALL):
        cells = [one for tag, one in Page(table).tags if tag == "td" and one.get("class") != "text none"]
        assert cells and all(one.get("data-label") for one in cells)
    board = next(table for table in re.findall(r"<table.*?</table>", text, re.DOTALL) if ">Rank<" in table)
    heads = [" ".join(one.split()) for one in re.findall(r'<th scope="col".*?>(.*?)</th>', board, re.DOTALL)]
    row = re.findall(r'<th scope="row">|data-label="(.*?)"', board)[: len(heads)]
    assert row == [label.replace("<br>", " ").replace("Arm", "") for label in heads]


def test_a_confirmed_study_is_judged_by_the_test_part(tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.confirmed(), "confirmed"), tmp_path)
    for word in (
        "The winner of each arm, trained again with fresh seeds",
        "measured on: test, patients not in training",
        "Each seed is the same configuration trained anew",
        "validation (chosen on this split: optimistic)",
        "Test split: 160 images, of which 80 are of patients who are not in training; the test split was read 12 times",
        "read 12 times, once for each confirmation.",
        "retina confirm confirmed --seeds 3",
        "Fellow eye: the accuracy, on the 5,618 images of the test list",
    ):
        assert word in " ".join(page.words.split())
    assert "nan" not in page.words.lower()


def test_patients_that_are_a_guess_are_said_to_be_one(tmp_path: Path) -> None:
    study = read_study(fixture.confirmed(), "confirmed")
    findings = {"findings": [{"kind": schema.FINDING_NO_PATIENTS, "count": 3, "text": "names that tell no patient: 3"}]}
    page, _ = page_of(replace(study, study={**study.study, "audit": findings}), tmp_path)
    text = " ".join(page.words.split())
    assert "80 are of patients who are not in training, as far as the data tells patients; the test split" in text


def test_a_study_of_folds_is_one_page(tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.folded(), "folded"), tmp_path)
    text = " ".join(page.words.split())
    assert "3 outer folds" in text
    assert "measured on: test" in text
    assert "160 (80)" in text  # the test splits of all folds, each image once
    assert "ResNet50, pretrained not run" in text or "not run: the study leaves it out" in text
    assert "nan" not in page.words.lower()


def test_the_pictures_of_mistakes_are_in_the_page(tmp_path: Path) -> None:
    uri = fixture.write_study("with mistakes", [TrialSpec(0, "resnet18-pretrained")])
    page, _ = page_of(figures_fixture.with_mistakes(read_study(uri, "with mistakes")), tmp_path)
    alts = [str(one["alt"]) for tag, one in page.tags if tag == "img"]
    assert "The worst mistakes. 1: grade 4 called 0; 2: grade 4 called 0." in alts
    assert "A label can be wrong too" in " ".join(page.words.split())


def test_hostile_names_and_reasons_are_text(tmp_path: Path) -> None:
    name = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    hostile = "<b>=cmd|' /C calc'!A0</b>"
    trials = [
        TrialSpec(0, "resnet18-scratch", params={"optimizer": hostile}),
        TrialSpec(1, "resnet18-scratch", state=schema.STATE_FAILED, best=False, reason=hostile),
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
        TrialSpec(1, "resnet18-scratch", state=schema.STATE_FAILED, best=False, reason=secret),
    ]
    uri = fixture.write_study("paths", trials, not_run={"resnet50-pretrained": f"no {secret}"}, study=saved)
    page, _ = page_of(read_study(uri, "paths"), tmp_path)
    assert page.rows("weights.pth") >= 5
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"anna" not in path.read_bytes()


def test_the_labs_model_without_pretraining_is_called_degenerate(tmp_path: Path) -> None:
    trials = [TrialSpec(0, "resnet18-scratch", confusion=fixture.LAB_TEST, epochs=2)]
    uri = fixture.write_study("lab report", trials, selection_split="test")
    page, text = page_of(read_study(uri, "lab report"), tmp_path)
    assert "its accuracy of 0.7335 says only how frequent that grade is (kappa 0)" in page.words
    assert '<span class="flag">constant predictor</span>' in text
    assert "0.000 (0.000 to 0.000)" in page.words
    assert "test (chosen on test: optimistic)" in page.words
    assert page.rows("not run: the study leaves it out") == 6  # in the remarks and in the table


def test_degenerate_is_explained_once_where_no_sentence_does(tmp_path: Path) -> None:
    same = TrialSpec(1, "resnet18-scratch", confusion=fixture.LAB_TEST)
    uri = fixture.write_study("a weak one", [TrialSpec(0, "resnet18-scratch", 0.8), same])
    page, _ = page_of(read_study(uri, "a weak one"), tmp_path / "weak")
    assert page.rows("Constant predictor: it gives every image the same grade.") == 1
    assert (
        page.words.index("Leaderboard")
        < page.words.index("Constant predictor: it")
        < page.words.index("constant predictor")
    )
    page, _ = page_of(read_study(fixture.write_study("only it", [same]), "only it"), tmp_path / "only")
    assert page.rows("gives every image the same grade") == 1  # the answer says it


@pytest.mark.parametrize(
    ("name", "trials"),
    [
        ("no trial at all", []),
        ("only failed", [TrialSpec(0, "resnet18-scratch", state=schema.STATE_FAILED, best=False, epochs=0)]),
        ("still running", [TrialSpec(0, "resnet50-pretrained", state=schema.STATE_RUNNING, best=False, epochs=1)]),
        ("one trial", [TrialSpec(0, "resnet50-pretrained", epochs=1)]),
        ("one arm", [TrialSpec(0, "resnet50-pretrained", 0.6), TrialSpec(1, "resnet50-pretrained", 0.8)]),
    ],
)
def test_unfinished_studies_have_an_honest_page(name: str, trials: list[TrialSpec], tmp_path: Path) -> None:
    page, _ = page_of(read_study(fixture.write_study(name, trials, study={}), name), tmp_path)
    assert "Differences" not in page.words.split("Figures with nothing to show")[0]
    if name == "one trial":
        assert "ResNet50 with pretraining holds the only ended trial" in page.words
        assert "by the estimate" in page.words
    elif name == "one arm":
        assert "ResNet50 with pretraining holds the first of 2 ended trials" in page.words
        assert "there are no two arms that were measured on the same images" in page.words
        assert page.rows("not run: the study leaves it out") == 6  # in the remarks and in the table
    else:
        assert "so nothing can be concluded" in page.words
        curves = [tag for tag, _ in page.tags if tag == "img"]
        assert len(curves) == (1 if "running" in name else 0)  # what has run so far
    assert "nan" not in page.words.lower()


def test_an_arm_that_is_not_confirmed_yet_is_not_mixed_with_one_that_is(tmp_path: Path) -> None:
    page, _ = page_of(figures_fixture.partly_confirmed().study, tmp_path)
    text = " ".join(page.words.split())
    assert "not confirmed: no confirmation of this arm has been measured on the test split" in text
    assert "measured on: test" in text
    assert "validation (chosen on this split: optimistic)" in text
    assert "nan" not in text.lower()


def test_finalists_gain_and_ensemble_have_sections_of_their_own(tmp_path: Path) -> None:
    one = figures_fixture.finalists()
    page, _ = page_of(one.study, tmp_path)
    text = " ".join(page.words.split())
    for word in (
        "What the search gained",
        "Over the first trial of ResNet18 with pretraining (synthetic) the search gained, of these models, kappa +",
        "Finalists, and the drop from validation",
        "that mean is its validation score",
        "kappa is expected to fall by",
        "The seeds as one model",
        "is one more model, declared before the test split was read. It is several networks",
        "ranked against none of them and compared with none",
        "A grade is called by one rule everywhere: the median grade.",
        "other rule (most probable grade)",
        "6 of 6 ended trials that have a score, by kappa of the last epoch",
        "2 more were stopped early and have no score.",
        "a trial's score is that of its epoch",
    ):
        assert word in text, word
    assert {"finalists.csv", "drop.csv", "gain.csv", "ensembles.csv"} <= {path.name for path in tmp_path.iterdir()}
    assert {"finalists.md", "drop.tex", "gain.md", "ensembles.tex"} <= {path.name for path in tmp_path.glob("tables/*")}
    assert "nan" not in text.lower()


def test_without_finalists_and_confirmation_there_is_none_of_them(tmp_path: Path) -> None:
    page, _ = page_of(figures_fixture.four().study, tmp_path)
    for word in ("What the search gained", "Finalists", "The seeds as one model", "Mean of repeats"):
        assert word not in page.words
    assert "8 of 8 ended trials, by kappa at the epoch that it selected" in " ".join(page.words.split())
