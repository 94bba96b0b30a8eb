"""README, docs and CONTRIBUTING: commands parse, flags exist, links and files are there."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import study
from analysis.results import columns
from analysis.tables.all_tables import TableSet
from study.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [page.stem for page in PAGES]
COMMAND: Any = typer.main.get_command(app)

OTHERS_FLAGS = {
    *("--head", "--port", "--address", "--temp-dir", "--num-cpus", "--num-gpus", "--block", "--generate"),  # Ray's
    *("--nodes", "--ntasks-per-node", "--exclusive", "--cpus-per-task", "--gpus-per-node", "--time"),  # Slurm's
    *("--signal", "--strict", "--share"),  # Slurm's, mypy's, a benchmark's
}


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def _calls(text: str) -> list[list[str]]:
    """Arguments of each call of the command in a page's shell blocks."""
    found = []
    for block in _blocks(text, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if re.search(r"(^|[ /])retina ", line):
                words = shlex.split(line, comments=True)
                places = [number for number, word in enumerate(words) if word.rpartition("/")[2] == "retina"]
                found += [words[place + 1 :] for place in places]
    return [call for call in found if call]


CALLS = [(page.stem, call) for page in PAGES for call in _calls(page.read_text())]


def _parse(arguments: list[str]) -> str:
    """Parse as the command does, without running it; the name of the command that was meant."""
    context, command, rest, name = COMMAND.make_context("retina", list(arguments)), COMMAND, list(arguments), ""
    while hasattr(command, "resolve_command"):
        part, command, rest = command.resolve_command(context, rest)
        name = f"{name} {part}".strip()
        context = command.make_context(part, list(rest), parent=context)
    return name


def _flags(command: Any) -> set[str]:
    own = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*(_flags(one) for one in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize(("page", "call"), CALLS, ids=[f"{page}: {' '.join(call)}" for page, call in CALLS])
def test_command_of_a_page_parses(page: str, call: list[str]) -> None:
    assert _parse(call)


def test_every_command_stands_in_a_page() -> None:
    commands = {*COMMAND.commands, *(f"data {name}" for name in COMMAND.commands["data"].commands)} - {"data"}
    assert commands - {_parse(call) for _, call in CALLS} == {"demo"}  # `make demo` runs that
    assert "retina demo" in (ROOT / "Makefile").read_text().replace("$(BIN)/", "")


def test_an_unknown_flag_or_command_is_found() -> None:
    for wrong in (["search", "NAME", "--try", "FILE"], ["begin", "NAME"], ["confirm"]):
        with pytest.raises(Exception, match="(?i)no such|missing"):
            _parse(wrong)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_flags_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"^\|[-|]+$", "", text, flags=re.MULTILINE)))
    assert named - _flags(COMMAND) - OTHERS_FLAGS - {"--help", "--version"} == set()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_and_files_of_a_page_are_there(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    files = re.findall(r"`((?:study|analysis|retina_data|retina_models|tests|configs|docs)/[\w./-]*)`", text)
    files += re.findall(r"(?<!\S)((?:tests|configs)/[\w/]+\.(?:py|yaml))", text)
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_contributing_lists_files_and_the_names_in_them() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    steps = re.findall(r"^\d\. `([\w/.]+)`(?: \(`(\w+)`\))?.*?(?=^\d\.|^#|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert len(steps) == 20
    assert [file for file, _ in steps if not (ROOT / file).exists()] == []
    names = {
        "study/config/trial.py": "Imbalance = ",
        "study/config/search_space.py": "CONDITIONAL_ON",
        "study/config/study.py": "DEFAULT_SPACE",
        "study/training/imbalance.py": "def strategy(",
        "tests/study/training/test_imbalance.py": "NAMES = ",
        "retina_data/layouts/layouts.py": "LAYOUTS",
        "retina_data/layouts/tables/published.py": "FORMS",
        "study/cli/options.py": "Take DATA as this layout",
        "analysis/figures/drawing/figure_files.py": "class SkippedFigure",
        "analysis/stats/metrics.py": "def scores_from_confusion(",
        "analysis/schema.py": "SCORES = ",
        "analysis/stats/bootstrap.py": "OVER_GRADES = ",
    }
    assert [file for file, name in names.items() if name not in (ROOT / file).read_text()] == []


def test_readme_is_short_and_links_every_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.encode()) < 11_000
    assert [page.name for page in PAGES[3:] if f"(docs/{page.name})" not in text] == []


def test_names_imported_in_pages_are_the_apis() -> None:
    for page in PAGES:
        for block in _blocks(page.read_text(), "python"):
            for names in re.findall(r"from study import ([\w, ]+)", block):
                assert {name.strip() for name in names.split(",")} <= set(study.__all__)


def _first_column(page: str) -> set[str]:
    """The code words in the first column of a page's tables."""
    rows = re.findall(r"^\|([^|]*`[^|]*)\|", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_statistics_page_describes_every_table() -> None:
    tables = {field.name for field in dataclasses.fields(TableSet)} - {"board"} | {"leaderboard"}
    assert _first_column("confirm-and-statistics.md") == tables


def test_statistics_page_names_columns_that_tables_have() -> None:
    text = (ROOT / "docs" / "confirm-and-statistics.md").read_text()
    named = set(re.findall(r"`([\w*]+)`", re.split("^## Columns", text, flags=re.MULTILINE)[1]))
    known = {name for value in vars(columns).values() if isinstance(value, tuple) for name in value}
    settings = {"drop", "select_epoch", "after"}
    assert [name for name in named - settings if not fnmatch.filter(map(str, known), name)] == []


def test_figures_page_describes_every_figure() -> None:
    source = "".join(file.read_text() for file in sorted((ROOT / "analysis" / "figures").glob("*.py")))
    drawn = set(re.findall(r'FigureSpec\(\s*f?"(\w+(?:\{\w+\})?)"', source))
    assert {re.sub(r"^curves_\w+", "curves_{score}", name) for name in _first_column("figures.md")} == drawn
