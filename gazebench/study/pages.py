"""What the study's pages are made with; style and policy are those of the leaderboard."""

from pathlib import Path

from jinja2 import Environment

from gazebench import pages
from gazebench.reports.page import offline

_TEMPLATES = Path(__file__).parent / "templates"


def environment() -> Environment:
    """The study's templates, with escaping on."""
    return pages.environment("gazebench.study")


def style() -> str:
    """The leaderboard's style, and what the study adds."""
    return pages.joined(offline.environment(), ("page.css",)) + _source("study.css")


def script(*more: str) -> str:
    """The script of a page, and ``more`` files after it."""
    return "".join(map(_source, ("study.js", *more)))


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
