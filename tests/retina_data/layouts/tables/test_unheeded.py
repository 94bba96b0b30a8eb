"""retina_data.layouts.tables.unheeded: columns beside the grades, and label files of a model, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import ReadOptions
from retina_data.layouts.tables.unheeded import unheeded, unread_predictions


@pytest.mark.parametrize(
    ("header", "line", "kind"),
    [
        ("image,level,quality", "a,1,Inadequate", "quality not heeded"),
        ("image,level,level_adjudicated", "a,1,2", "other grades not read"),
        ("Image name,Ophthalmologic department,Retinopathy grade", "a,x,3", "doubtful scale of grades"),
        ("image,level,quality", "a,1,Adequate", None),
        ("image,level,level_adjudicated", "a,1,1", None),
        ("Image name,Ophthalmologic department,Retinopathy grade", "a,x,4", None),
    ],
)
def test_unheeded_names_a_column_that_changes_what_is_read(
    tmp_path: Path, header: str, line: str, kind: str | None
) -> None:
    (tmp_path / "labels.csv").write_text(f"{header}\n{line}\n")
    found = unheeded(scan(tmp_path), ["labels.csv"], ReadOptions())
    assert [one.kind for one in found] == ([kind] if kind else [])
    assert all(one.only_warns and "`labels.csv`" in one.text for one in found)


def test_predictions_are_named_and_an_example_of_an_answer_is_not(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id_code,diagnosis\na,0\n")
    for name in ("preds.csv", "sample_submission.csv"):
        (tmp_path / name).write_text("id_code,diagnosis\nb,1\n")
    found = unread_predictions(scan(tmp_path), ["preds.csv", "sample_submission.csv"])
    assert [one.kind for one in found] == ["predictions not read"]
    assert "`preds.csv` is not read" in found[0].text
