"""One study -> one self-contained HTML page, beside its tables and figures.

The page asks nothing of anybody: pictures are inside it and its Content-Security-Policy forbids every request. What
comes from a study (names, tags, reasons) is escaped by jinja2, and absolute paths are cut to their last name.
"""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChainableUndefined, Environment

from analysis import best, findings, page, records, repeat, tables, texts
from analysis.columns import VALIDATION, headline
from analysis.figures import FigureFiles, LeftOut
from analysis.finalists import drop_sentence
from analysis.gain import gain_sentence
from analysis.gallery import write_gallery
from analysis.labels import RULES
from analysis.remarks import remarks
from analysis.runs import StudyRuns
from analysis.tableset import TableSet, make_tables, write_tables

ANSWER = "answer.md"
LEADERBOARD_ROWS = 20


def write_report(study: StudyRuns, folder: Path) -> Path:
    """Write report.html, its first sentences as answer.md, config.yaml, tables, figures/; returns the page's path."""
    made = make_tables(study)
    tables.write_whole(folder / ANSWER, findings.answer(study, made).text().encode())
    write_tables(study, made, folder)
    if study.study.get("config"):
        tables.write_whole(folder / repeat.CONFIG, repeat.config_text(study).encode())
    figures, left_out = write_gallery(study, made, folder / "figures")
    path = folder / "report.html"
    tables.write_whole(path, render(study, made, figures, left_out).encode())
    return path


def render(study: StudyRuns, made: TableSet, figures: list[FigureFiles], left_out: list[LeftOut]) -> str:
    """The page as text, from the tables and the figures as written."""
    # what study.json does not hold is not shown; it must not keep the rest of the page from being shown
    environment = Environment(autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("analysis").joinpath("report.html.jinja").read_text("utf-8"))
    described: dict[str, Any] = page.shareable(study.study)
    return template.render(
        name=study.name,
        answer=findings.answer(study, made),
        remarks=remarks(study, made),
        notes=described.get("notes", []),
        grades=list(zip(records.GRADES, records.GRADE_NAMES, strict=True)),
        objective=tables.objective(study),
        pictures=[(one, _inline(one.svg), _inline(one.column)) for one in figures],
        left_out=left_out,
        **_comparison(made),
        **_trials(study, made),
        budget=page.budget_rows(study, made.cells),
        again=len(study.confirmations) > 0,
        rule=RULES[study.decision],
        **_of_choice(study, made),
        space=page.space_rows(described.get("config", {})),
        config=json.dumps(described.get("config", {}), indent=2, ensure_ascii=False),
        audit=described.get("audit", {}),
        test=described.get("test") or {},
        weights=described.get("weights", {}),
        tags=page.tags(study),
        commands=repeat.commands(study),
        config_file=repeat.CONFIG if study.study.get("config") else "",
    )


def _comparison(made: TableSet) -> dict[str, Any]:
    """What the page says of the cells."""
    by = headline(made.cells)
    copied = made.cells["fellow_copy_n"].max()
    return {
        "measured_on": by["part"].iloc[0],
        "tested": by["measured_on"].iloc[0] != VALIDATION,
        "fellow": "" if pd.isna(copied) else page.count(copied),
        "cells": page.judged_rows(by, made.cells),
        "beside": page.beside_rows(made.cells) + page.other_rule_rows(made.cells),
        "seeds": page.seed_rows(by, made.seeds),
        "pairs": page.pair_rows(made.pairs),
    }


def _of_choice(study: StudyRuns, made: TableSet) -> dict[str, Any]:
    """What the page says of the finalists, of the search's gain and of the seeds as one model."""
    score = tables.objective(study)
    shown = {
        "finalists": texts.finalist_texts(made.finalists, score),
        "drop": texts.drop_texts(made.drop),
        "gain": texts.gain_texts(made.gain),
        "ensembles": texts.ensemble_texts(made.ensembles),
    }
    found: dict[str, Any] = {name: (list(table.columns), table.to_numpy().tolist()) for name, table in shown.items()}
    sentences = {"drop_sentence": drop_sentence(made.drop), "gain_sentence": gain_sentence(made.gain, score)}
    return found | sentences | {"declared": bool((study.study.get("test") or {}).get("ensemble"))}


def _trials(study: StudyRuns, made: TableSet) -> dict[str, Any]:
    """What the page says of the trials."""
    varied, fixed = page.hyperparameters(study, made.board)
    parts = [made.best[made.best["criterion"] == criterion].head(LEADERBOARD_ROWS) for criterion in best.CRITERIA]
    return {
        "part": tables.part(study),
        "varied": varied,
        "fixed": fixed,
        "board": page.trial_rows(study, made.board.head(LEADERBOARD_ROWS), varied),
        "unscored": tables.unscored(study),
        "selects_last": study.selects_last,
        "repeated": bool(made.board["finalist_mean"].notna().any()),
        "board_size": len(made.board),
        "majority": page.number(made.board["majority"].max()),
        "best": page.trial_rows(study, pd.concat(parts), varied),
        "reaching": findings.reaching(made.best, best.THRESHOLD),
        "threshold": f"{100 * best.THRESHOLD:g} %",
        "failures": made.failures.to_dict("records"),
    }


def _inline(picture: Path | None) -> str:
    """A picture as an address that holds it; "" for none."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}" if picture else ""
