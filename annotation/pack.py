"""A volunteer without a server: one offline page with her faces; her votes come back as a file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from gazebench import store
from gazebench.annotation import examples
from gazebench.annotation.app_page import SCREEN
from gazebench.annotation.desk import Desk
from gazebench.annotation.imports import FORMAT
from gazebench.annotation.queue import Task
from gazebench.annotation.votes import Event, now
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError
from gazebench.pages import environment, inlined, inlined_file, joined, policy

SIDE = 512  # of a face on the page
_QUALITY = 88


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What a page holds."""

    faces: int
    megabytes: float


def write_pack(dataset: Path, annotator: str, out: Path, *, faces: int) -> Packed:
    """Write a page with the next ``faces`` of ``annotator``'s queue, some of them twice.

    Raises:
        InputError: not prepared, somebody who takes no part, or nothing left to do.
        DiskError: no space or not writable.
    """
    with Desk.open(dataset, annotator) as desk:
        tasks = list(_ahead(desk, faces))
        if not tasks:
            raise InputError(f"{annotator} has no faces left to label in {dataset}")
        text = _render(desk, tasks)
    store.write(out, text)
    return Packed(faces=len(tasks), megabytes=len(text) / 1e6)


def _ahead(desk: Desk, count: int) -> Iterator[Task]:
    """The tasks that come if each is voted on; repeats fall where they would in the App."""
    for _ in range(count):
        for task in desk.tasks(set(), 1):
            yield task
            desk.note(_supposed(desk.annotator, task))


def _supposed(annotator: str, task: Task) -> Event:
    return Event(
        event="supposed",
        annotator=annotator,
        portrait=task.portrait,
        vote="X",
        milliseconds=None,
        time=now(),
        round=task.round,
    )


def _render(desk: Desk, tasks: list[Task]) -> str:
    ids = dict.fromkeys(task.portrait for task in tasks)
    facts = desk.start()
    name = "\n".join([desk.faces.heading.tree_hash, desk.annotator, *ids])
    pack: dict[str, Any] = {
        **{name: facts[name] for name in ("annotator", "round", "examples", "training")},
        "id": hashlib.sha256(name.encode()).hexdigest()[:12],
        "format": FORMAT,
        "faces": [desk.face(task) for task in tasks],
        "pictures": {
            **{id_: _uri(desk.faces.path(id_)) for id_ in ids},
            **{id_: _example_uri(id_) for id_ in sorted(examples.ids())},
        },
    }
    templates = environment("gazebench.annotation")
    style, backend = (joined(templates, [f"pack.{kind}"]) for kind in ("css", "js"))
    script = SCREEN.read_text(encoding="utf-8") + backend
    return templates.get_template("pack.html.j2").render(
        pack=pack, style=Markup(style), script=Markup(script), policy=policy(style, script)
    )


def _uri(path: Path) -> str:
    image = read_picture(path)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return inlined(image, "JPEG", quality=_QUALITY, optimize=True)


def _example_uri(id_: str) -> str:
    return inlined_file(examples.path(id_).read_bytes(), "JPEG")
