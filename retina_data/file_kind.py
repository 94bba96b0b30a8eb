"""What a file is that is no photograph of a readable format, or no label file: by its first bytes."""

from __future__ import annotations

NEEDED = 512  # first bytes of a file that tell its kind

_AGAIN = "download it again"

_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself", "run `git lfs pull`"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"PK\x05\x06", "an empty zip archive", _AGAIN),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel table (.xls)", "save it as CSV"),
    (b"PAR1", "a Parquet file", "save it as CSV"),
    (b"%PDF", "a PDF file", "export its pictures as PNG"),
    (b"GIF8", "a GIF image, of at most 256 colours", "find the photograph that it was made from"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image", "save it as PNG"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image", "save it as PNG"),
)

_BRANDS = {  # of the ISO base media file format, at byte 8
    b"avif": "an AVIF image", b"avis": "an AVIF image",
    b"heic": "a HEIC image", b"heix": "a HEIC image", b"hevc": "a HEIC image", b"hevx": "a HEIC image",
    b"heim": "a HEIC image", b"heis": "a HEIC image", b"mif1": "a HEIC image", b"msf1": "a HEIC image",
}  # fmt: skip


_PICTURES = (
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
    (b"GIF8", ".gif"), (b"\0\0\0\x0cjP  ", ".jp2"), (b"\0\0\0\x0cJXL ", ".jxl"),
)  # fmt: skip


def extension_of(data: bytes) -> str:
    """Usual extension of a picture by its first NEEDED bytes; "" where it is none that is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return ".bmp"
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return ".avif" if data[8:10] == b"av" else ".heic"
    if data[128:132] == b"DICM":
        return ".dcm"
    return next((kind for beginning, kind in _PICTURES if data.startswith(beginning)), "")


def kind_of(data: bytes) -> str:
    """Kind of a file by its first NEEDED bytes, and what to do with it, in words; "" where it is not known."""
    if data[4:8] == b"ftyp":
        kind = _BRANDS.get(data[8:12])
        return f"{kind}: save it as JPEG or PNG" if kind else ""
    if data[128:132] == b"DICM":
        return "a DICOM file: export its picture as PNG"
    for beginning, kind, remedy in _BEGINNINGS:
        if data.startswith(beginning):
            if kind == "a zip archive" and b"[Content_Types].xml" in data[:NEEDED]:
                return "an Excel table (.xlsx): save it as CSV"
            return f"{kind}: {remedy}"
    text = data[:NEEDED].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        return f"an HTML page: {_AGAIN}, signed in where the site asks for it"
    if text.startswith((b"{", b"[")):
        return "a JSON file: save it as CSV"
    if text.startswith((b"<?xml", b"<svg", b"<error")):
        return f"an XML document: {_AGAIN}"
    return ""
