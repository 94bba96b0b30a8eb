"""Tables as files: CSV that is safe to open in a spreadsheet, Markdown and LaTeX for a paper."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd

from retina_data.files import write_whole
from retina_data.gate import plain

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Beginnings that a spreadsheet takes for a formula; the last four are =, +, -, @ in full width."""

_AFTER_SEMICOLON = re.compile(rf"(;\s*)(?=[{re.escape(''.join(FORMULA))}])")

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after a line's end a bracket would be an option
    "]": "{]}",
    "–": "--",
    "−": "$-$",
}


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV, whole or not at all."""
    write_whole(path, csv_text(table).encode())


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV, its text quoted, and such that a spreadsheet takes none for a formula, whatever separates for it.

    Where `;` does, the comma's quotes say nothing, and what follows a `;` in a text is a field of its own.
    """
    safe = table.rename(columns=_inert)
    for place, column in enumerate(safe.columns):
        if not pd.api.types.is_numeric_dtype(safe.dtypes.iloc[place]):
            safe[column] = safe[column].map(_inert)
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)


def markdown(table: pd.DataFrame, caption: str) -> str:
    """A table as GitHub's Markdown, numbers to the right, with its caption above; every text is shown as it is."""
    header = [in_markdown(name) for name in table.columns]
    rows = [[in_markdown(value) for value in row] for row in table.itertuples(index=False)]
    rule = ["---:" if _is_number(table.iloc[:, place]) else "---" for place in range(len(header))]
    lines = ["| " + " | ".join(texts) + " |" for texts in (header, rule, *rows)]
    return f"{in_markdown(caption)}\n\n" + "\n".join(lines) + "\n"


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A table as LaTeX (package booktabs), numbers to the right; every text is shown as it is."""
    align = "".join("r" if _is_number(table.iloc[:, place]) else "l" for place in range(table.shape[1]))
    header = " & ".join(_in_latex(name) for name in table.columns)
    rows = [" & ".join(_in_latex(value) for value in row) + r" \\" for row in table.itertuples(index=False)]
    lines = [
        r"\begin{table}",
        rf"\caption{{{_in_latex(caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', label)}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _inert(value: object) -> object:
    """A text that begins like a formula gets an apostrophe in front, and is one line; everything else stays."""
    if not isinstance(value, str):
        return value
    mark = "'" if value.lstrip().startswith(FORMULA) or value.startswith(FORMULA) else ""
    return mark + _AFTER_SEMICOLON.sub(r"\1'", plain(value))


def _is_number(values: pd.Series) -> bool:
    """Whether the cells of a column begin like numbers, or are empty: those stand to the right."""
    texts = values.astype(str)
    return bool(len(texts)) and bool(texts.str.match(r"^(< )?(-?[0-9]|undefined|–|nan|$)").all())


def in_markdown(value: object) -> str:
    """A text from outside as Markdown shows it as it is, in one line."""
    text = _one_line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)
    return re.sub(r"(?<=\w)(?=://|@)", "\u2060", text)  # a word joiner: neither an address nor a name becomes a link


def _in_latex(value: object) -> str:
    return "".join(LATEX.get(letter, letter) for letter in _one_line(value))


def _one_line(value: object) -> str:
    """The value as text without line ends and other control characters; "" for what is missing."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):  # type: ignore[call-overload]  # any scalar
        return ""
    return plain(str(value))
