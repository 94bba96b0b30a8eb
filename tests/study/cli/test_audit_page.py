"""study.cli.audit_page: one file that shows an example of each finding and loads nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from retina_data.audit.image_scan import look_at
from retina_data.audit.report import check
from retina_data.layouts.dataset import read_index
from study.cli.audit_page import EXAMPLES, write_page
from tests.retina_data.audit.test_image_scan import relabel, write_photographs


def page_of(folder: Path, images: bool = True) -> str:
    data = read_index(folder, missing="keep")
    report, findings = check(data, look_at(data, progress=False) if images else None)
    target = folder / "new folder" / "page.html"
    write_page(target, data, report, findings)
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    return target.read_text("utf-8")


def test_each_finding_has_its_pictures(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    images = folder / "images"
    (images / "3_left.png").write_bytes((images / "0_left.png").read_bytes())
    (images / "5_left.png").write_bytes(b"<script>")
    page = page_of(folder)
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(shown) == 4 + 10  # two of each finding about the pair, ten fields of view
    assert all(base64.b64decode(data)[:2] == b"\xff\xd8" for data in shown)
    assert "Not fit to train on: 1 error to mend first" in page
    assert '<p class="none">no photograph but an HTML page' in page and "<details>" not in page  # each is shown
    assert not re.search(r"(src|href)=\"(?!data:|#)", page) and "<script" not in page
    assert str(folder.parent) not in page


def test_names_beyond_the_pictures_are_listed(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=9)
    for n in range(8):
        (folder / "images" / f"{n}_left.png").write_bytes(b"")
    page = page_of(folder)
    assert page.count("<figure>") == EXAMPLES + 1  # six broken ones, a field of view
    assert "all 8 names" in page and "7_left (the file is empty)" in page


def test_it_says_what_the_findings_come_to(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, count=12)
    page = page_of(folder)
    assert "Fit to train on: nothing was found that makes training or a score wrong." in page
    assert "Images used: 12, left out: 0; patients: 12." in page and "read as label file" in page
    (folder / "images" / "3_left.png").write_bytes((folder / "images" / "0_left.png").read_bytes())
    assert "Fit to train on, with 2 warnings to know" in page_of(folder)


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
    assert page.rstrip().endswith("</html>")
    assert ("unreadable" in page) == images and "least sure edge" not in page
    assert "only the labels are here" in page or images
