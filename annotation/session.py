"""A labelling session: who labels which dataset by which plan, and the secrets of the links."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gazebench import store
from gazebench.annotation.votes import VOTES
from gazebench.dataset import read_heading
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_bytes, read_json

FOLDER = "labelling"  # below the dataset
ADJUDICATOR = "organiser"
_FORMAT = 1
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Plan(BaseModel):
    """How many people look at a face, and what is slipped in to check them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    votes: int = Field(default=2, ge=1, le=20)  # of a face of the train half
    test_votes: int = Field(default=5, ge=1, le=20)  # of a face of the test half
    repeats: float = Field(default=0.02, ge=0, le=0.5)  # share of faces shown to a person again
    gold: Mapping[str, str] = {}  # faces whose label is known; everybody sees them
    order: Literal["random", "active"] = "random"  # active: see ``proposals``
    seed: int = 0


class Session(BaseModel):
    """What ``label prepare`` decided, in ``DATASET/labelling/session.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = _FORMAT
    annotators: tuple[str, ...]
    plan: Plan = Plan()

    @classmethod
    def load(cls, dataset: Path) -> Self:
        """The session of a dataset.

        Raises:
            InputError: no finished dataset, not prepared, or damaged.
        """
        read_heading(dataset)
        path = dataset / FOLDER / "session.json"
        prepare = f"`gazebench label prepare {dataset} --annotators ana,bo`"
        try:
            return cls.model_validate(read_json(path, f"remove it and run {prepare}"))
        except MissingFileError:
            raise InputError(f"{dataset}: labelling is not prepared; run {prepare}") from None
        except ValidationError as error:
            reason = first_fault(error)
            raise InputError(
                f"{path}: damaged ({reason}); remove it and run {prepare}; all votes stay"
            ) from None

    def save(self, dataset: Path) -> None:
        """Write it, and a key for the links where there is none.

        Raises:
            DiskError: no space or not writable.
        """
        if not _key_file(dataset).exists():
            store.write_private(_key_file(dataset), secrets.token_hex(32))
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False)
        store.write(dataset / FOLDER / "session.json", text + "\n")

    def check(self, annotator: str) -> None:
        """Check that ``annotator`` takes part.

        Raises:
            InputError: somebody else.
        """
        if annotator not in self.annotators:
            raise InputError(
                f"{annotator!r} is not an annotator here; there are: {', '.join(self.annotators)} "
                "(`gazebench label prepare` adds more)"
            )


def check_names(names: tuple[str, ...]) -> None:
    """Check names of annotators.

    Raises:
        InputError: none, one twice, or one that would not do in a link.
    """
    if not names:
        raise InputError("no annotator; give names: --annotators ana,bo,chen")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"annotator {name!r}: a name has up to 32 letters a-z, digits, - and _, and "
                "begins with a letter (no real names: labels may be published)"
            )
        if name == ADJUDICATOR:
            raise InputError(f"annotator {name!r}: that is who adjudicates; take another name")
    if len(set(names)) < len(names):
        raise InputError(f"annotators {', '.join(names)}: a name is given twice")


def check_gold(gold: Mapping[str, str], ids: set[str]) -> None:
    """Check that gold labels are votes on faces of the dataset.

    Raises:
        InputError: the first that is not.
    """
    for id_, label in gold.items():
        if id_ not in ids:
            raise InputError(f"gold: no portrait is called {id_!r}")
        if label not in VOTES:
            raise InputError(f"gold: {id_} has the label {label!r}; it must be {', '.join(VOTES)}")


def secret(dataset: Path, annotator: str) -> str:
    """What the link of ``annotator`` carries, 32 hex digits; the same for as long as the key is.

    Raises:
        InputError: labelling is not prepared.
    """
    try:
        key = read_bytes(_key_file(dataset))
    except InputError:
        prepare = f"`gazebench label prepare {dataset} --annotators ana,bo`"
        raise InputError(f"{_key_file(dataset)}: cannot be read; run {prepare}") from None
    return hmac.new(key, annotator.encode(), hashlib.sha256).hexdigest()[:32]


def _key_file(dataset: Path) -> Path:
    return dataset / FOLDER / "key"
