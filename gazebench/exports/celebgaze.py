"""CelebGaze as Zhang et al. (2020) released it: folders ``0`` and ``1``, lists of the same names.

A line of a list is "id xL yL xR yR": the centres of the two eye boxes in whole pixels. The
released code has no split file; it takes the last lines of a list for the test. So the test
portraits stand last in each list here, and ``README.txt`` says how many they are.
"""

import functools
import io
from collections.abc import Iterator, Sequence

from gazebench.dataset import ImageFormat
from gazebench.dataset.pictures import decode
from gazebench.errors import InputError
from gazebench.exports import Export, ExportContent, Exported, ExportFile

_FOLDERS = {"Y": "0", "X": "1"}
_QUALITY = 95


class CelebGaze(Export):
    """Two folders of JPEG and two lists; portraits in neither domain are left out."""

    title = "the layout of CelebGaze"

    def files(self, content: ExportContent) -> Iterator[ExportFile]:
        """``README.txt``, the lists, then the pictures."""
        domains = {label: _ordered(content.rows, label) for label in _FOLDERS}
        if not any(domains.values()):
            root = content.manifest.root
            raise InputError(
                f"{root}: no portrait is labelled X or Y, which this layout needs; "
                f"run `gazebench label import {root} LABELS.csv`"
            )
        readme = functools.partial(_readme, content, domains)
        yield ExportFile("README.txt", lambda: readme().encode())
        for label, rows in domains.items():
            text = "".join(_line(row) for row in rows).encode()
            yield ExportFile(f"{_FOLDERS[label]}.txt", functools.partial(bytes, text))
        if content.with_pixels:
            for label, rows in domains.items():
                for row in rows:
                    path = f"{_FOLDERS[label]}/{row.id}.jpg"
                    yield ExportFile(path, functools.partial(_jpeg, content, row), portraits=1)


def _ordered(rows: Sequence[Exported], label: str) -> list[Exported]:
    return sorted((row for row in rows if row.label == label), key=lambda row: row.split == "test")


def _line(row: Exported) -> str:
    numbers = [n for box in (row.left_eye, row.right_eye) for n in _center(*box)]
    return f"{row.id} {' '.join(map(str, numbers))}\n"


def _center(left: int, top: int, right: int, bottom: int) -> tuple[int, int]:
    # the whole pixel from which the released code, trunc(c - size / 2), gets this very box
    return left + (right - left + 1) // 2, top + (bottom - top + 1) // 2


def _jpeg(content: ExportContent, row: Exported) -> bytes:
    data = content.image(row)
    if _is_jpeg(content):  # a second compression would lose more
        return data
    buffer = io.BytesIO()
    picture = decode(data, row.id)
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def _is_jpeg(content: ExportContent) -> bool:
    return content.manifest.image_format is ImageFormat.JPEG


def _pictures(content: ExportContent) -> str:
    if not content.with_pixels:
        return "The folders 0 and 1 are not here: this export is without pixels."
    if _is_jpeg(content):
        quality = content.info["settings"]["jpeg_quality"]
        return f"Pictures are the dataset's own: JPEG of quality {quality}, chroma whole (4:4:4)."
    return (
        f"Pictures are JPEG of quality {_QUALITY} without chroma subsampling, because the layout "
        f"wants .jpg.\nThe dataset itself is lossless ({content.manifest.image_format})."
    )


def _readme(content: ExportContent, domains: dict[str, list[Exported]]) -> str:
    side, (height, width) = content.manifest.resolution, content.manifest.window
    tests = {label: sum(r.split == "test" for r in rows) for label, rows in domains.items()}
    left_out = len(content.rows) - sum(map(len, domains.values()))
    return f"""{content.manifest.name}, in the layout of CelebGaze

{content.notice}

0.txt and the folder 0: domain Y, looks elsewhere. {len(domains["Y"])} portraits.
1.txt and the folder 1: domain X, looks at the camera. {len(domains["X"])} portraits.

A line is "id xL yL xR yR": the centres of the two eye boxes in pixels of the portrait, L nearer
the image's left edge. Portraits are {side}x{side}, eye boxes {height}x{width} (height x width):
rows trunc(y - {height}/2) to trunc(y + {height}/2) - 1, columns likewise.

There is no split file: the test half is the last {tests["Y"]} lines of 0.txt and the last
{tests["X"]} lines of 1.txt. (The code released with CelebGaze takes the last 300 and 100: set its
numbers.)

{_pictures(content)}
Left out, because they are in neither domain: {left_out} portraits.

export.json says of each portrait where it comes from and what it must be.
Dataset fingerprint {content.manifest.fingerprint}, tree hash {content.manifest.tree_hash}.
"""
