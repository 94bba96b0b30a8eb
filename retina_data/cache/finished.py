"""Finished caches: written beside their pixels, renamed into place, found by the files that they were made from."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import PIL

from retina_data.cache.keys import VERSION, digest_of, folder_name
from retina_data.cache.partial import PIXELS, Unfinished
from retina_data.duplicates import merged_groups
from retina_data.files import file_lock
from retina_data.images.decode import ImageSpec
from retina_data.images.field_of_view import Shape
from retina_data.layouts.dataset import DataSet


def write_cache(dataset: DataSet, unfinished: Unfinished, caches: Path, fingerprint: str, spec: ImageSpec) -> Path:
    """Write table and manifest beside the pixels, then give the folder its name: only now it is a cache."""
    rows = [unfinished.done[row] for row in range(len(dataset.table))]
    table = dataset.table.assign(
        sha256=[one.sha256 for one in rows],
        fov_found=[one.outline != "frame" for one in rows],
        error=[one.error for one in rows],
    )
    # Two files that are no images, say two empty ones, do not make their patients one.
    contents = table["sha256"].where(table["error"] == "", "row " + table["row"].astype(str))
    table = table.assign(group=merged_groups(table["patient"], contents))
    digest = digest_of(table, dataset.patients_given)
    skipped = table[table["error"] != ""]
    manifest: dict[str, Any] = {
        "digest": digest,
        "image_size": spec.size,
        "crop": spec.crop,
        "colour": spec.colour,
        "field_of_view": spec.shape if spec.crop == "fov" else "frame",
        "images": len(table),
        "fov_found": int(table["fov_found"].sum()),
        "skipped": [{"image": i, "reason": r} for i, r in zip(skipped["image"], skipped["error"], strict=True)],
        "version": VERSION,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__, "pillow": PIL.__version__},
    }
    partial = unfinished.folder
    table.to_parquet(partial / "table.parquet")
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    (partial / "sources").mkdir(exist_ok=True)
    (partial / "sources" / fingerprint).touch()
    for file in (PIXELS, "table.parquet", "manifest.json"):
        with open(partial / file, "rb+") as written:
            os.fsync(written.fileno())
    return _published(unfinished, caches, digest, spec, fingerprint)


def _published(unfinished: Unfinished, caches: Path, digest: str, spec: ImageSpec, fingerprint: str) -> Path:
    """Rename the folder; where the same data is there already, only remember that it has another source.

    Caches of the same data of an older version go, also those of another shape: a study finds its own by the data.
    """
    folder = caches / folder_name(digest, spec)
    with file_lock(caches / f".{folder.name}.lock"):
        if _current(folder):
            remember(folder, fingerprint)
            shutil.rmtree(unfinished.folder)
        else:
            for other in (caches / folder_name(digest, replace(spec, shape=shape)) for shape in get_args(Shape)):
                if not _current(other):
                    shutil.rmtree(other, ignore_errors=True)
            unfinished.forget()
            os.rename(unfinished.folder, folder)
    return folder


def cache_of_files(caches: Path, fingerprint: str) -> Path | None:
    """The finished cache that was made from exactly these files; no unfinished one, about to be renamed."""
    for source in caches.glob(f"[!.]*/sources/{fingerprint}"):
        if _current(source.parents[1]):
            return source.parents[1]
    return None


def caches_alike(caches: Path, spec: ImageSpec, dataset: DataSet) -> dict[str, Path]:
    """Digest -> finished cache, prepared in the same way, of the same names, grades, splits and patients: perhaps of
    the same photographs."""
    wanted = {"image_size": spec.size, "crop": spec.crop, "colour": spec.colour, "images": len(dataset.table)}
    columns = ["image", "grade", "split", *(["patient"] if dataset.patients_given else [])]
    found = {}
    for folder in caches.glob(f"[!.]*-{spec.size}-{spec.crop}*"):
        manifest = _manifest(folder)
        if manifest.get("version") != VERSION or not wanted.items() <= manifest.items():
            continue
        with suppress(OSError, ValueError):  # a damaged one is not looked into
            table = pd.read_parquet(folder / "table.parquet", columns=columns)
            if table.astype(str).equals(dataset.table[columns].astype(str).reset_index(drop=True)):
                found[str(manifest.get("digest"))] = folder
    return found


def remember(folder: Path, fingerprint: str) -> None:
    """A finished cache has another source: the same data in another place, or newly copied."""
    (folder / "sources" / fingerprint).touch()


def _current(folder: Path) -> bool:
    return _manifest(folder).get("version") == VERSION


def _manifest(folder: Path) -> dict[str, Any]:
    """What stands beside the pixels; nothing where it cannot be read."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
