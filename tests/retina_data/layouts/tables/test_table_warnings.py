"""retina_data.layouts.tables.table_warnings: each kind of what is not heeded is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from retina_data.layouts.folder_tree import scan
from retina_data.layouts.label_files import Entry, ReadOptions
from retina_data.layouts.tables.table_warnings import table_warnings

OWNERS = {f"labels.csv, line {n + 2}": f"p{n}" for n in range(12)}
FILES = {
    "labels.csv": "image,level,case_id,test,quality\n"
    + "".join(f"x{n},0,v{n // 2},{n % 2},{n % 3}\n" for n in range(12)),
    "split.csv": "image,split\nx1,test\nx2,train\n",
    "quality.csv": "image,quality\nx1,Reject\n",
    "test_ids.txt": "names\nx1\nx2\n",
    "preds.csv": "image,level\nx1,3\n",
}
KINDS = {
    "column not read", "predictions not read", "quality not heeded", "split not understood",
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "owners", "count", "absent"),
    [
        (ReadOptions(), OWNERS, 7, set()),
        (ReadOptions(), {}, 6, {"column not read"}),
        (ReadOptions(layout="kaggle"), OWNERS, 5, {"predictions not read"}),
        (ReadOptions(split_column="test"), OWNERS, 5, set()),
    ],
)
def test_each_kind_is_named(
    tmp_path: Path, options: ReadOptions, owners: dict[str, str], count: int, absent: set[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    used = {f"im/x{n}.png": Entry(f"x{n}", 0, "", "") for n in range(12)}
    found = table_warnings(scan(tmp_path), ["labels.csv"], [*FILES][1:], used, owners, options)
    assert {one.kind for one in found} == KINDS - absent and all(one.only_warns for one in found)
    assert len(found) == count, [one.text for one in found]
