"""study.audit_page: one file that shows an example of each finding and loads nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from retina_data.checks import check
from retina_data.content import look_at
from retina_data.index import read_index
from study.audit_page import write_page
from tests.test_content import relabel, write_photographs


def page_of(folder: Path, images: bool = True) -> str:
    data = read_index(folder, missing="keep")
    report, findings = check(data, look_at(data, progress=False) if images else None)
    target = folder / "new folder" / "page.html"
    write_page(target, data, report, findings)
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    return target.read_text("utf-8")


def test_each_finding_has_its_pictures(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=8)
    images = folder / "images"
    (images / "3_left.png").write_bytes((images / "0_left.png").read_bytes())
    (images / "5_left.png").write_bytes(b"<script>")
    page = page_of(folder)
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(shown) == 4 + 7  # two of each finding about the pair, seven discs
    assert all(base64.b64decode(data)[:2] == b"\xff\xd8" for data in shown)
    assert "error: unreadable" in page and "it cannot be read" in page and "0_left = 3_left" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page
    assert str(folder.parent) not in page


def test_names_are_text_never_markup(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=3)
    (folder / "images" / "1_left.png").rename(folder / "images" / "<b onload=x>.png")
    relabel(folder, [("0_left", 0), ("<b onload=x>", 1), ("2_left", 2)])
    page = page_of(folder)
    assert "&lt;b onload=x&gt;" in page and "<b onload" not in page


@pytest.mark.parametrize("images", [True, False])
def test_a_page_is_written_whatever_there_is(tmp_path: Path, images: bool) -> None:
    folder = write_photographs(tmp_path, count=2)
    for file in (folder / "images").iterdir():
        file.unlink() if not images else file.write_bytes(b"")
    page = page_of(folder, images)
    assert page.rstrip().endswith("</html>") and "fit worst" not in page
    assert ("error: unreadable" in page) == images
