"""A study's design: what is shown to whom, and the rules, all fixed before anybody answers."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gazebench import store
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_object

FILE = "design.json"
PICTURES = "pictures"  # below the study's folder
OTHER = "other"  # the answer that no picture is good enough
SOURCE = "source"  # the portrait as it was, among the pictures of a face
Kind = Literal["best", "pairs"]

QUESTION = {
    "best": "Which picture looks most real, with eyes that look most exactly at the camera?",
    "pairs": "Which of the two pictures looks more real?",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rules(_Frozen):
    """Whose answers are not counted. Fixed with the design, so that no result can move them."""

    catch_failures: int = Field(default=0, ge=0)  # more failed catch trials exclude
    min_seconds: float = Field(default=1.0, ge=0)  # a lower median time per answer excludes
    straight: float = Field(default=0.9, gt=0, le=1)  # a larger share at one place excludes


class Contender(_Frozen):
    """A run whose corrections are shown."""

    run: str  # name of its folder
    method: str
    title: str
    sha256: str  # of the pictures shown, so that a later change of the run can be noticed


class Design(_Frozen):
    """What ``study create`` decided, in ``STUDY/design.json``."""

    format: Literal[1] = 1
    kind: Kind
    title: str
    consent: str  # the text that people agree to
    contact: str = ""
    seed: int
    questions: int = Field(ge=1)  # about methods, for each respondent
    catches: int = Field(ge=0)
    repeats: int = Field(ge=0)
    respondents: int = Field(ge=1)  # how many are planned
    rules: Rules
    contenders: tuple[Contender, ...] = Field(min_length=2)
    faces: tuple[str, ...] = Field(min_length=1)
    catch_faces: tuple[str, ...] = ()
    pictures: Mapping[str, str]  # "FACE/OPTION" → file below ``pictures``
    side: int  # pixels
    dataset: str  # its name
    fingerprint: str
    created: str  # UTC
    folder: str = ""  # of the runs, relative to the study

    @classmethod
    def load(cls, study: Path) -> Self:
        """The design of the study at ``study``.

        Raises:
            InputError: no study, or damaged.
        """
        path = study / FILE
        try:
            return cls.model_validate(read_object(path, "put back a copy of it"))
        except MissingFileError:
            create = f"`gazebench study create RUNS DATASET {study}`"
            raise InputError(f"{study}: is not a study; make one with {create}") from None
        except ValidationError as error:
            raise InputError(
                f"{path}: damaged ({first_fault(error)}); put back a copy of it"
            ) from None

    def save(self, study: Path) -> None:
        """Write it.

        Raises:
            DiskError: no space or not writable.
        """
        store.write(study / FILE, self._text)

    @property
    def _text(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that change with anything of the design."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:12]

    @property
    def consent_version(self) -> str:
        """Twelve hex digits of the consent text, stored with every consent."""
        return hashlib.sha256(self.consent.encode()).hexdigest()[:12]

    @property
    def names(self) -> tuple[str, ...]:
        """Runs, in the order of the design."""
        return tuple(contender.run for contender in self.contenders)

    @property
    def asks_source(self) -> bool:
        """Whether the portrait before correction is shown, as in Zhang et al. (2022)."""
        return self.kind == "best"

    @property
    def offers_other(self) -> bool:
        """Whether "Other" is an answer; pairs are a forced choice, as in He et al. (2019)."""
        return self.kind == "best"

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be chosen in a question about methods."""
        return (*self.names, OTHER) if self.offers_other else self.names
