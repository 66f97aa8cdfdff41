"""A dataset on disk: portraits with their eye boxes, split and domain.

``dataset.json`` says the build was finished, ``manifest.csv`` has one line per portrait and is
written by machines only, ``labels.csv`` has people's decisions and is never touched by a build.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from gazebench.dataset.files import read_labels, read_manifest
from gazebench.dataset.heading import Heading, fingerprint_of, read_heading
from gazebench.dataset.portraits import Domain, Portrait, Split, box_faults
from gazebench.errors import InputError

LABELS = ("X", "Y", "unsure", "reject", "ambiguous")  # of labels.csv; X and Y are domains


@dataclass(frozen=True, kw_only=True)
class Manifest(Heading):
    """The portraits of one dataset folder, in the order of their ids."""

    portraits: tuple[Portrait, ...]

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read a dataset folder, with the labels that are there.

        Raises:
            InputError: the folder is not a finished dataset, or its files do not hold together.
        """
        heading = read_heading(root)
        portraits = tuple(read_manifest(root / "manifest.csv"))
        side, window = heading.resolution, heading.window
        fault = next((f for p in portraits for f in box_faults(p, side, window)), None)
        if fault:
            raise InputError(f"{root / 'manifest.csv'}: {fault}; build the dataset again")
        manifest = cls(**vars(heading), portraits=portraits)
        return manifest.with_labels(read_labels(root / "labels.csv"))

    def with_labels(self, labels: Mapping[str, str]) -> Self:
        """The same portraits with the domains that ``labels`` (id → X, Y, unsure, reject) give."""
        domains = {id_: Domain(label) for id_, label in labels.items() if label in set(Domain)}
        portraits = tuple(_with_domain(p, domains.get(p.id)) for p in self.portraits)
        return replace(self, portraits=portraits)

    def select(
        self, *, split: Split | None = None, domain: Domain | None = None
    ) -> tuple[Portrait, ...]:
        """Portraits of a split, a domain, or both."""
        return tuple(
            p
            for p in self.portraits
            if (split is None or p.split == split) and (domain is None or p.domain == domain)
        )

    def path(self, portrait: Portrait) -> Path:
        """Where the portrait's image file stands."""
        return self.root / self.image_format.file(portrait.id)

    @cached_property
    def by_id(self) -> dict[str, Portrait]:
        """Portraits by id."""
        return {p.id: p for p in self.portraits}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when anything a score depends on changes.

        Pixels, boxes and splits (by the tree hash) and labels; not the folder's place or name.
        """
        return fingerprint_of(self, ((p.id, p.domain) for p in self.portraits if p.domain))


def _with_domain(portrait: Portrait, domain: Domain | None) -> Portrait:
    return portrait if portrait.domain == domain else replace(portrait, domain=domain)
