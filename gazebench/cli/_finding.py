"""What the commands that take photographs share: how faces are found, and what a run is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--align",
        type=click.Choice(["none", "eyes", "ffhq"]),
        help="How the face is cut out. [default: as the portraits that the run was trained on; "
        "ffhq where that is not known]",
    ),
    click.option(
        "--landmarks",
        "finder",
        default="dlib",
        show_default=True,
        help="dlib, or face_alignment (an extra; finds more faces, wants a GPU).",
    ),
    click.option(
        "--max-megapixels",
        type=click.IntRange(1, 250),
        default=120,
        show_default=True,
        metavar="N",
        help="20 MB of memory for each.",
    ),
    click.option(
        "--all-faces", is_flag=True, help="Every face of a photograph, not only the largest."
    ),
)


def finding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``align``, ``finder``, ``max_megapixels``, ``all_faces``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_run(word: Path) -> bool:
    """Whether a word of the command line is the folder of a trained run."""
    from gazebench import training

    return training.run_method_name(word) is not None
