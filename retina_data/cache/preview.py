"""What a data set will be once it is prepared, from the headers of its photographs and the pixels of one."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, UnidentifiedImageError

from retina_data.cache.cache import Cache
from retina_data.cache.finished import cache_of_files
from retina_data.cache.keys import file_stats, fingerprint_of
from retina_data.cache.preparation import check_spec
from retina_data.errors import DataError
from retina_data.images import decode
from retina_data.images.decode import ImageSpec, Source
from retina_data.layouts.dataset import DataSet, some

AT_ONCE = 16  # headers: a disk that is far away answers several as fast as one


@dataclass(frozen=True)
class Preview:
    """A data set before its photographs are decoded.

    cache: as it would be, but for the pixels: each row has those of one photograph, and none has a digest.
    decode_seconds: of that photograph. unreadable: how many have no header that can be read, and which, "" for none.
    """

    cache: Cache
    decode_seconds: float
    unreadable: str

    @property
    def nbytes(self) -> int:
        """Of the pixels that will be written."""
        return int(self.cache.images.nbytes)


def is_prepared(dataset: DataSet, home: Path, spec: ImageSpec) -> bool:
    """Whether the cache is there, so that nothing need be decoded."""
    fingerprint = fingerprint_of(dataset, file_stats(dataset.table), spec)
    return cache_of_files(Path(home).resolve() / "cache", fingerprint) is not None


def preview(dataset: DataSet, spec: ImageSpec, *, progress: bool = True) -> Preview:
    """Read each header and decode the first photograph that can be read; nothing is written.

    Raises DataError where no photograph is there, or none can be read.
    """
    check_spec(dataset, spec)
    every = list(decode.sources(dataset))
    bar = "reading the headers of photographs" if progress else ""
    refused = {row: why for row, why in decode.in_threads(_refusal, enumerate(every), len(every), AT_ONCE, bar) if why}
    pixels, seconds = _first(every, refused, spec)
    if pixels is None:
        raise DataError(
            f"photographs must be readable, but of {dataset.folder} none is: {_unreadable(dataset, refused)}; "
            "`retina data check` says more"
        )
    table = dataset.table
    names = [f"row {row}" for row in range(len(table))]  # no two are alike, as far as is known
    group = pd.factorize(table["patient"])[0].astype(np.int64)
    table = table.assign(sha256=names, fov_found=True, error="", group=group)
    images = np.broadcast_to(pixels, (len(table), *pixels.shape))
    spec = replace(spec, shape="circle")  # as of most; of all it is decided once all were seen
    return Preview(Cache(Path(), images, table, "", spec), seconds, _unreadable(dataset, refused))


def _first(every: list[Source], refused: dict[int, str], spec: ImageSpec) -> tuple[npt.NDArray[np.uint8] | None, float]:
    """Pixels of the first photograph that can be decoded, and in how many seconds; those before it are refused too."""
    for row, source in enumerate(every):
        if row in refused:
            continue
        started = time.monotonic()
        try:
            return decode.read_photograph(source, spec).pixels, time.monotonic() - started
        except Exception as error:  # Pillow's decoders raise nearly every kind
            refused[row] = decode.reason(error)
    return None, 0.0


def _unreadable(dataset: DataSet, refused: dict[int, str]) -> str:
    if not refused:
        return ""
    named = [f"{Path(dataset.table['path'][row]).name} ({reason})" for row, reason in refused.items()]
    return f"{len(refused):,} of {len(dataset.table):,}: {some(named)}"


def _refusal(row: int, source: Source) -> str:
    """Why a photograph cannot be read, by its header; "" where that is in order."""
    if not isinstance(source, Path):
        return ""
    try:
        with source.open("rb") as file, Image.open(file, formats=decode.FORMATS) as image:
            large = image.width * image.height > decode.MAX_PIXELS
        return f"more than {decode.MAX_PIXELS:,} pixels" if large else ""
    except (UnidentifiedImageError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        try:
            decode.open_image(source.read_bytes())
        except (ValueError, OSError) as error:
            return decode.reason(error)
        return "no header of an image"
    except Exception as error:  # as above
        return decode.reason(error)
