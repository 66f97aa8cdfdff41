"""How far annotators agree, on one page: alpha, kappas, confusion, speed, the most disputed faces.

What it shows is in ``agreement.json``, which ``gazebench label finalize`` writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

import gazebench
from gazebench import store
from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError
from gazebench.reading import MissingFileError, read_json
from gazebench.reports.page.offline import data_uri, environment, joined, policy

FILE = "agreement.json"
SIDE = 224  # of a face on the page
_EYE = 0.4  # of an eye box's width, what is shown around it
_NONE = "\N{EN DASH}"


def render(dataset: Path, facts: Mapping[str, Any] | None = None) -> str:
    """The page of the dataset at ``dataset``; a pure function of its files.

    ``facts``: shown instead of those in its ``agreement.json``.

    Raises:
        InputError: no finished dataset, or its votes were not counted yet.
    """
    manifest, facts = Manifest.load(dataset), facts or load(dataset)
    templates = environment()
    templates.filters |= {"percent": _percent, "three": _three}
    style = joined(templates, ("page.css", "inspect.css", "agreement.css"))
    return templates.get_template("agreement.html.j2").render(
        style=Markup(style),
        policy=policy(style),
        version=gazebench.__version__,
        name=manifest.name,
        facts=facts,
        progress=facts.get("progress", []),
        halves=_halves(facts),
        heat=[_heat(person["confusion"]) for person in facts["people"]],
        faces=[_face(manifest, d) for d in facts["most_disputed"]],
    )


def write(dataset: Path, page: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write the file ``page``; the other arguments and errors are those of ``render``."""
    store.write(page, render(dataset, facts))


def load(dataset: Path) -> dict[str, Any]:
    """What ``DATASET/agreement.json`` says.

    Raises:
        InputError: missing or damaged.
    """
    path = dataset / FILE
    finalize = f"run `gazebench label finalize {dataset}`"
    try:
        facts = read_json(path, f"{finalize} again")
    except MissingFileError:
        raise InputError(f"{dataset}: its votes were not counted yet; {finalize}") from None
    if not isinstance(facts, dict) or facts.get("format") != 1:
        raise InputError(f"{path}: not of this version; {finalize} again")
    return facts


def _halves(facts: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Label, portraits of the train half and of the test half."""
    labels = dict.fromkeys(key.partition("/")[0] for key in facts["counts"])
    return [
        (label, *(facts["counts"][f"{label}/{half}"] for half in ("train", "test")))
        for label in labels
    ]


def _heat(confusion: list[list[int]]) -> list[list[tuple[int, int]]]:
    """Number and shade (0 to 5) of each cell, by its share of the row."""
    return [[(n, round(5 * n / max(sum(row), 1))) for n in row] for row in confusion]


def _face(manifest: Manifest, decision: Mapping[str, Any]) -> dict[str, Any]:
    portrait = manifest.by_id.get(decision["portrait"])
    face, eyes = _pictures(manifest, portrait) if portrait else ("", "")
    return {**decision, "face": face, "eyes": eyes}


def _pictures(manifest: Manifest, portrait: Portrait) -> tuple[str, str]:
    """The face and both eyes enlarged, as data URIs; "" where it cannot be shown."""
    try:
        image = read_picture(manifest.path(portrait))
    except (PictureError, OSError):
        return "", ""
    pair = Image.new("RGB", (2 * SIDE, round(SIDE * 0.62)))
    for place, box in enumerate(portrait.eyes):
        reach = box.width * (0.5 + _EYE / 2)
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        frame = (x - reach, y - 0.62 * reach, x + reach, y + 0.62 * reach)
        size = (SIDE, pair.height)
        pair.paste(image.resize(size, Image.Resampling.LANCZOS, box=_inside(frame, image.width)),
                   (place * SIDE, 0))  # fmt: skip
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return data_uri(image, 75), data_uri(pair, 80)


def _inside(
    frame: tuple[float, float, float, float], side: int
) -> tuple[float, float, float, float]:
    left, top, right, bottom = frame
    return max(0.0, left), max(0.0, top), min(float(side), right), min(float(side), bottom)


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.1%}"


def _three(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"
