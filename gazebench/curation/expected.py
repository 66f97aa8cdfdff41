"""What must come out of a build that makes the portraits of an export again."""

import contextlib
import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gazebench.curation.journal import Journal
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.settings import BEFORE
from gazebench.curation.workers import CRASHES
from gazebench.dataset import Portrait, Split
from gazebench.exports import Description, Exported, text_of
from gazebench.sources import SourceFace

_OF_THE_SOURCE = ("pictures", "list of pictures", "attributes")  # of a fingerprint
_COMPARED = ("sha256", "left_eye", "right_eye", "split", "identity")


@dataclass(frozen=True, kw_only=True)
class Recreation:
    """What must come out of a build, portrait by portrait."""

    description: Description
    absent: frozenset[str]  # ids of portraits whose picture the source does not have
    borrowed: frozenset[str]  # of those whose half of the split the source does not say

    @cached_property
    def rows(self) -> dict[str, Exported]:
        """Portraits by id."""
        return {row.id: row for row in self.description.portraits}

    @property
    def labels(self) -> dict[str, str]:
        """Labels by id, of the portraits that have one."""
        return {row.id: row.label for row in self.description.portraits if row.label}

    @property
    def found(self) -> int:
        """Portraits to make, and faces in quarantine."""
        return len(self.rows) + len(self.description.quarantine)

    @property
    def claim(self) -> dict[str, str]:
        """What ``dataset.json`` says of the dataset that is made again."""
        origin = self.description.dataset
        return {"fingerprint": origin.fingerprint, "tree_hash": origin.tree_hash}

    def fingerprint(self, whole: Mapping[str, Any]) -> dict[str, Any]:
        """What a resumed build must share; pictures may come to the source in between."""
        digest = hashlib.sha256(text_of(self.description).encode()).hexdigest()
        kept = {key: value for key, value in whole.items() if key not in _OF_THE_SOURCE}
        return {**BEFORE, **kept, "export": digest[:16]}

    def begin(self, journal: Journal, faces: Iterable[SourceFace]) -> list[SourceFace]:
        """Record the faces that need no work; those of ``faces`` that are not made yet."""
        made = journal.made()
        rows = [self.rows[id_] for id_ in sorted(self.absent - made)]
        sentence = "the source has no picture of this name"
        journal.record([_refused(r.id, r.source_name, "source_missing", sentence) for r in rows])
        quarantine = self.description.quarantine
        journal.record([_refused(q.id, q.source_name, q.reason, q.sentence) for q in quarantine])
        return [face for face in faces if face.id not in made]

    def checked(self, outcomes: Generator[BuildOutcome]) -> Generator[BuildOutcome]:
        """The outcomes; those that are not what the export says become refusals."""
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                yield self._checked(outcome)

    def _checked(self, outcome: BuildOutcome) -> BuildOutcome:
        row, portrait = self.rows[outcome.id], outcome.portrait
        if outcome.reason in CRASHES or not outcome.source_sha256:
            return outcome
        refuse = {"id_": row.id, "name": outcome.name, "digest": outcome.source_sha256}
        if outcome.source_sha256 != row.source_sha256:
            sentence = _differs("sha256", outcome.source_sha256, row.source_sha256)
            return _refused(**refuse, reason="source_differs", sentence=sentence)
        if portrait is None:
            sentence = f"{outcome.reason}: {outcome.sentence}"
            return _refused(**refuse, reason="portrait_differs", sentence=sentence)
        if row.id in self.borrowed:
            portrait = replace(portrait, split=Split(row.split))
        if found := "; ".join(_differences(portrait, row.portrait)):
            return _refused(**refuse, reason="portrait_differs", sentence=found)
        return replace(outcome, portrait=portrait)


def _differences(portrait: Portrait, wanted: Portrait) -> Iterator[str]:
    for name in _COMPARED:
        ours, theirs = getattr(portrait, name), getattr(wanted, name)
        if ours != theirs and (name != "identity" or theirs):
            yield _differs(name, ours, theirs)


def _differs(name: str, ours: object, theirs: object) -> str:
    if name == "sha256":
        ours, theirs = str(ours)[:16], str(theirs)[:16]
    return f"{name} is {ours}, the export has {theirs}"


def _refused(id_: str, name: str, reason: str, sentence: str, digest: str = "") -> BuildOutcome:
    return BuildOutcome(id=id_, name=name, source_sha256=digest, reason=reason, sentence=sentence)
