"""What every reader gives back, and the words that it understands."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gazebench.dataset import LABELS, tables
from gazebench.errors import InputError
from gazebench.reading import read_bytes

MAX_BYTES = 1 << 30
CHOICES = f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line: somebody, or nobody in particular, says something of a face."""

    name: str  # portrait id or source name, the first where the line has several
    vote: str  # one of LABELS, "" where nothing is said, or "undo" in a list of events
    where: str  # for messages: "line 7"
    annotator: str = ""
    milliseconds: int | None = None
    time: str = ""  # UTC, "" unknown
    event: str = ""  # "" where the file has no such thing
    round: str = "label"
    client: str = "import"
    names: tuple[tuple[str, str], ...] = ()  # columns and names, where they come from columns
    is_exported: bool = False  # gazebench wrote the event, so ``name`` is the id of its portrait


def meaning(mapping: Mapping[str, str]) -> dict[str, str]:
    """Words, in lower case, and the label that each means.

    Raises:
        InputError: ``mapping`` leads to something that is not a label.
    """
    words = dict(tables.LABEL_WORDS)
    for word, label in mapping.items():
        if label.strip().lower() not in tables.LABEL_WORDS:
            raise InputError(f"--map {word}={label}: {label!r} is not {CHOICES}")
        words[word.strip().lower()] = tables.LABEL_WORDS[label.strip().lower()]
    return words


def label_of(word: object, words: Mapping[str, str], path: Path, where: str) -> str:
    """The label that ``word`` means.

    Raises:
        InputError: none.
    """
    text = "" if word is None else str(word).strip()
    label = words.get(text.lower())
    if label is None:
        shown = None if word is None else text
        hint = "; say what it means: --map 1=X,0=Y" if text else ""
        raise InputError(f"{path}, {where}: label {shown!r}; it must be {CHOICES}{hint}")
    return label


def text_of(path: Path) -> str:
    """Text of a file in UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        InputError: as ``reading.read_bytes``, no text, or the file of a spreadsheet program.
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        return data.decode(tables.encoding_of(path, data[:64]))
    except UnicodeError:
        raise InputError(tables.no_text(path)) from None
