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

from analysis import schema
from analysis.figures.all_figures import write_gallery
from analysis.figures.drawing.figure_files import FigureFiles, SkippedFigure
from analysis.number_format import count, number
from analysis.report import formatting, reproduce, summary, text_tables
from analysis.report.answer_caveats import patients_known
from analysis.report.paper_tables import write_tables
from analysis.report.table_caveats import caveats
from analysis.results.columns import VALIDATION, primary_endpoint
from analysis.results.labels import RULES
from analysis.results.study_runs import StudyRuns, objective
from analysis.tables import arm_comparison, best
from analysis.tables.all_tables import TableSet, make_tables
from analysis.tables.endpoint import gain_sentence
from analysis.tables.finalists import drop_sentence, in_doubt_sentence
from retina_data.files import write_whole
from retina_data.gate import plain

ANSWER = "answer.md"

LEADERBOARD_ROWS = 20


def write_report(study: StudyRuns, folder: Path, threshold: float = best.THRESHOLD) -> Path:
    """Write report.html, its first sentences as answer.md, config.yaml, tables, figures/; returns the page's path.

    threshold: accuracy from which a configuration is listed.
    """
    made = make_tables(study, threshold)
    write_whole(folder / ANSWER, summary.answer(study, made).text().encode())
    write_tables(study, made, folder, threshold)
    if study.study.get("config"):
        write_whole(folder / reproduce.CONFIG, reproduce.config_text(study).encode())
    figures, skipped = write_gallery(study, made, folder / "figures")
    path = folder / "report.html"
    write_whole(path, render(study, made, figures, skipped, threshold).encode())
    return path


def render(
    study: StudyRuns,
    made: TableSet,
    figures: list[FigureFiles],
    skipped: list[SkippedFigure],
    threshold: float = best.THRESHOLD,
) -> str:
    """The page as text, from the tables and the figures as written."""
    # what study.json does not hold is not shown; it must not keep the rest of the page from being shown
    environment = Environment(
        autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    template = environment.from_string(files("analysis.report").joinpath("report.html.jinja").read_text("utf-8"))
    described = study.study
    answer = summary.answer(study, made)
    return template.render(
        name=study.name,
        answer=answer,
        caveats=summary.beside(answer, caveats(study, made)),
        notes=described.get("notes", []),
        grades=list(zip(schema.GRADES, schema.GRADE_NAMES, strict=True)),
        objective=objective(study),
        pictures=[(one, _inline(one.svg), _inline(one.column)) for one in figures],
        skipped=skipped,
        **_comparison(made),
        **_trials(study, made, threshold),
        budget=formatting.budget_rows(study, made.four_way),
        confirmed=len(study.confirmations) > 0,
        rule=RULES[study.decision],
        **_of_choice(study, made),
        space=formatting.space_rows(described.get("config", {})),
        config=json.dumps(described.get("config", {}), indent=2, ensure_ascii=False),
        audit=described.get("audit", {}),
        test=described.get("test") or {},
        as_told="" if patients_known(study) else schema.AS_TOLD,
        weights=described.get("weights", {}),
        tags=formatting.tags(study),
        commands=reproduce.commands(study),
        config_file=reproduce.CONFIG if study.study.get("config") else "",
    )


def _shown(value: Any) -> Any:
    """A text from outside as the page shows it; what is marked as HTML is our own."""
    return plain(value, lines=True) if type(value) is str else value


def _comparison(made: TableSet) -> dict[str, Any]:
    """What the page says of the arms."""
    by = primary_endpoint(made.four_way)
    copied = made.four_way["fellow_copy_n"].max()
    return {
        "measured_on": by["split"].iloc[0],
        "tested": by["measured_on"].iloc[0] != VALIDATION,
        "fellow": "" if pd.isna(copied) else count(copied),
        "arms": formatting.primary_rows(by, made.four_way),
        "beside": formatting.beside_rows(made.four_way) + formatting.other_rule_rows(made.four_way),
        "seeds": formatting.seed_rows(by, made.seeds),
        "pairs": formatting.pair_rows(made.pairs),
    }


def _of_choice(study: StudyRuns, made: TableSet) -> dict[str, Any]:
    """What the page says of the finalists, of the search's gain and of the seeds as one model."""
    score = objective(study)
    tables = {
        "finalists": text_tables.finalist_texts(made.finalists, score),
        "drop": text_tables.drop_texts(made.drop),
        "gain": text_tables.gain_texts(made.gain),
        "ensembles": text_tables.ensemble_texts(made.ensembles),
    }
    found: dict[str, Any] = {name: (list(table.columns), table.to_numpy().tolist()) for name, table in tables.items()}
    sentences = {"drop_sentence": drop_sentence(made.drop), "gain_sentence": gain_sentence(made.gain, score)}
    sentences["in_doubt_sentence"] = in_doubt_sentence(study, made.board)
    return found | sentences | {"declared": bool((study.study.get("test") or {}).get("ensemble"))}


def _trials(study: StudyRuns, made: TableSet, threshold: float) -> dict[str, Any]:
    """What the page says of the trials."""
    varied, fixed = formatting.hyperparameters(study, made.board)
    lists = [made.best[made.best["criterion"] == criterion].head(LEADERBOARD_ROWS) for criterion in best.CRITERIA]
    return {
        "split": arm_comparison.selection_split_text(study),
        "varied": varied,
        "fixed": fixed,
        "board": formatting.trial_rows(study, made.board.head(LEADERBOARD_ROWS), varied),
        "unscored": arm_comparison.unscored(study),
        "selects_last": study.selects_last,
        "repeated": bool(made.board["finalist_mean"].notna().any()),
        "board_size": len(made.board),
        "majority": number(made.board["majority"].max()),
        "best": formatting.trial_rows(study, pd.concat(lists), varied),
        "reaching": summary.reaching(made, threshold),
        "threshold": f"{100 * threshold:g} %",
        "failures": made.failures.to_dict("records"),
    }


def _inline(picture: Path | None) -> str:
    """A picture as an address that holds it; "" for none."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}" if picture else ""
