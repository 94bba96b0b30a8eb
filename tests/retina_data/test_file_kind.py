"""retina_data.file_kind: what is no photograph is named for what it is, with what to do."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from retina_data.file_kind import extension_of, kind_of
from retina_data.images.decode import open_image

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, "content")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image: save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF image"),
        (bytes(128) + b"DICM\x02\0\0\0UL", "a DICOM file: export its picture as PNG"),
        (LFS, "a Git LFS pointer, not the file itself: run `git lfs pull`"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><title>Sign in</title>", "an HTML page: download it again"),
        (b"<html></html>", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (b'\xef\xbb\xbf{"1_left": 0}', "a JSON file: save it as CSV"),
        (b"PAR1\x15\x04", "a Parquet file: save it as CSV"),
        (archive("0/1_left.jpeg"), "a zip archive: unpack it"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "an Excel table (.xlsx): save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "an Excel table (.xls): save it as CSV"),
        (b"%PDF-1.7", "a PDF file"),
        (b"GIF89a", "a GIF image"),
    ],
)
def test_a_kind_is_told_by_the_first_bytes_and_named_where_it_is_read(data: bytes, words: str) -> None:
    assert kind_of(data).startswith(words)
    with pytest.raises(ValueError, match="no photograph but ") as caught:
        open_image(data)
    assert words in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"image,level\n1_left,0\n", b"\0\0\0\x18ftypmp42", bytes(600), b"\xff\xd8\xff"])
def test_what_is_not_known_is_not_named(data: bytes) -> None:
    assert kind_of(data) == ""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "BMP"])
def test_a_photograph_is_no_other_kind(tmp_path: Path, format: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((60, 40), 60).convert("RGB").save(file, format)
    assert kind_of(file.getvalue()) == ""
    assert open_image(file.getvalue()).size == (60, 40)


@pytest.mark.parametrize(
    ("form", "extension"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tif"), ("BMP", ".bmp"), ("WEBP", ".webp"), ("GIF", ".gif")],
)
def test_a_picture_is_known_by_its_first_bytes(form: str, extension: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, form)
    assert extension_of(file.getvalue()[:512]) == extension


def test_extension_of_pictures_that_are_not_read_and_of_none() -> None:
    data = (bytes(128) + b"DICM", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"BM, of a text", LFS, b"")
    assert [extension_of(one) for one in data] == [".dcm", ".heic", ".avif", "", "", ""]
