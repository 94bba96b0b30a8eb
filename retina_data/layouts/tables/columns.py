"""The columns of a label file that are read: those that the user names, of a published form, or with usual names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from retina_data.errors import DataError
from retina_data.layouts.folder_names import split_named
from retina_data.layouts.label_files import LabelTable, ReadOptions, clipped, plain
from retina_data.layouts.patients.eye_words import eye_of
from retina_data.layouts.tables.published import FORMS, form_of

PATIENT_COLUMNS = (
    "patient", "patient_id", "patient_no", "patient_nr", "patient_number", "patient_code", "patient_key", "id_patient",
    "patient_name", "patienten_id", "patienten_nr", "patientennummer", "patienten_name", "pid", "pat_id", "pat_nr",
    "pat_no", "pat_name", "subject", "subject_id", "subject_no", "subject_number", "participant", "participant_id",
    "person", "person_id", "paciente", "paciente_id", "id_paciente", "mrn",
)  # fmt: skip
"""Usual names of a column of patients, compared by their letters and digits."""

SPLIT_COLUMNS = ("split", "usage", "set", "subset", "partition", "phase", "dataset_split", "data_split")

NO = frozenset(("0", "no", "n", "false", "f", "nein", "non", "nao", "não", "нет", "否"))

YES = frozenset(("1", "yes", "y", "true", "t", "ja", "si", "sí", "sim", "oui", "да", "是"))

_EYE_COLUMNS = ("eye", "laterality", "side", "eye_side", "eye_laterality", "image_laterality", "exam_eye")

_USAGE = {"public": "test", "private": "test"}  # of Kaggle's test grades


class Columns(NamedTuple):
    """Numbers of the columns that are read."""

    image: int
    grades: tuple[int, ...]
    patient: int | None
    eye: int | None
    split: int | None
    gradable: int | None


def columns_of(table: LabelTable, options: ReadOptions) -> Columns:
    """Columns of a label file; raises DataError where one is not there."""
    known = FORMS.get(form_of(table) or "")

    def number(flag: str, named: str | None, *usual: str) -> int | None:
        found = table.column(*([named] if named is not None else usual))
        if found is None and named is not None:
            raise DataError(
                f"{flag} must name a column of {table.name} ({', '.join(map(clipped, table.columns[:20]))}), but got "
                f"{named!r}; correct it"
            )
        return found

    image = number("--image-column", options.image_column, *([known.image] if known else []))
    grade = number("--grade-column", options.grade_column)
    grades = [table.column(name) for name in (known.grades if known else ())] if grade is None else [grade]
    if image is None or not any(one is not None for one in grades):
        missing = ["--image-column"] * (image is None) + ["--grade-column"] * (
            not any(one is not None for one in grades)
        )
        raise DataError(
            "a label file must have a column of images and one of grades, but the header of "
            f"{table.name} is {', '.join(map(clipped, table.columns[:20]))}; name {' and '.join(missing)}"
        )
    return Columns(
        image,
        tuple(one for one in grades if one is not None),
        number("--patient-column", options.patient_column, *PATIENT_COLUMNS),
        number("--eye-column", options.eye_column, *_said_in(table, _EYE_COLUMNS, _eye_said)),
        number("--split-column", options.split_column, *split_columns(table)[:1]),
        table.column("adjudicated_gradable", "gradable", "gradeable", "is_gradable", "is_gradeable"),
    )


def split_columns(table: LabelTable) -> list[str]:
    """Columns whose every field says a split: those that are called as one, else the only other one that says two."""
    if usual := _said_in(table, SPLIT_COLUMNS, split_said):
        return usual
    others = [
        name
        for name in _said_in(table, table.columns, split_word)
        if len({split_word(row[table.columns.index(name)]) for _, row in table.rows}) > 1
    ]
    return others if len(others) == 1 else []


def split_word(text: str) -> str:
    """The split that one word says: `train`, and not `aptos_train`."""
    return split_named(text) if re.fullmatch(r"[^\W\d_]+", text) else ""


def split_said(text: str) -> str:
    """The split that a field says; "" where it says none, or more than its name."""
    return _USAGE.get(text.lower(), "") or (split_named(text) if re.fullmatch(r"\w+", text) else "")


def _eye_said(text: str) -> bool:
    return not text or bool(eye_of(text))


def _said_in(table: LabelTable, columns: Sequence[str], known: Callable[[str], object]) -> list[str]:
    """Those of the columns that a table has once, with something known in each field."""
    names = list(map(plain, table.columns))
    once = [column for column in columns if names.count(plain(column)) == 1]
    numbers = [names.index(plain(column)) for column in once]
    return [
        column
        for column, number in zip(once, numbers, strict=True)
        if all(len(row) > number and known(row[number]) for _, row in table.rows)
    ]
