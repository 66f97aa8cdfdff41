"""What a dataset is: portraits, eye boxes, masks, measures, labels, and how its files are read.

Above the ground floor (`errors`, `store`) it uses third-party libraries only; ``batches`` is the
one module that needs torch, and is imported by name.
"""

from gazebench.dataset.files import (
    COLUMNS,
    csv_lines,
    csv_text,
    has_notes,
    iter_manifest,
    manifest_csv,
    manifest_lines,
    read_csv,
    read_labels,
    read_manifest,
    sha256_of,
)
from gazebench.dataset.heading import (
    FORMAT,
    Heading,
    alignment,
    fingerprint_of,
    has_masks,
    image_format,
    load_info,
    read_heading,
)
from gazebench.dataset.manifest import LABELS, Manifest
from gazebench.dataset.portraits import Domain, ImageFormat, Portrait, Split, box_faults

__all__ = [
    "COLUMNS",
    "FORMAT",
    "LABELS",
    "Domain",
    "Heading",
    "ImageFormat",
    "Manifest",
    "Portrait",
    "Split",
    "alignment",
    "box_faults",
    "csv_lines",
    "csv_text",
    "fingerprint_of",
    "has_masks",
    "has_notes",
    "image_format",
    "iter_manifest",
    "load_info",
    "manifest_csv",
    "manifest_lines",
    "read_csv",
    "read_heading",
    "read_labels",
    "read_manifest",
    "sha256_of",
]
