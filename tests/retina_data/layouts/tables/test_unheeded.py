"""retina_data.layouts.tables.unheeded: columns beside the grades, and label files of a model, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import ReadOptions
from retina_data.layouts.tables.unheeded import unheeded, unread_predictions, unread_quality


@pytest.mark.parametrize(
    ("header", "line", "kind"),
    [
        ("image,level,quality", "a,1,Inadequate", "quality not heeded"),
        ("image,level,level_adjudicated", "a,1,2", "other grades not read"),
        ("image,level,regraded", "a,1,2", "other grades not read"),
        ("Image name,Ophthalmologic department,Retinopathy grade", "a,x,3", "doubtful scale of grades"),
        ("image,level,final_quality", "a,1,no", "quality not heeded"),
        ("image,level,quality", "a,1,0\nb,1,2", "quality not heeded"),
        ("image,level,ungradable", "a,1,0\nb,1,1", "quality not heeded"),
        ("image,level,calidad", "a,1,mala", "quality not heeded"),
        ("image,level,quality", "a,1,Adequate", None),
        ("image,level,final_quality", "a,1,yes", None),
        ("image,level,quality", "a,1,1\nb,1,1", None),
        ("image,level,ungradable", "a,1,0\nb,1,no", None),
        ("image,level,gradable", "a,1,0\nb,1,1", None),
        ("image,level,quality_score", "a,1,0.25\nb,1,0.75", None),
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


def test_a_file_of_quality_that_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "quality.csv").write_text("quality,image\nGood,a\nReject,b\nReject,x\nReject\n")
    [one] = unread_quality(scan(tmp_path), ["im/a.png", "im/b.png"], ["quality.csv"])
    assert (one.kind, one.count, one.only_warns) == ("quality not heeded", 1, True)
    assert "`quality.csv` has a column of quality, 'quality', but is not read: 1 image there ('Reject')" in one.text
    assert not unread_quality(scan(tmp_path), ["im/a.png", "im/c.png"], ["quality.csv"])
