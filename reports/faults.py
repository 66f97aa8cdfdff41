"""What is wrong with a dataset's source, as far as it is known or can be seen in the portraits."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gazebench.dataset import Manifest, Portrait, read_labels
from gazebench.sources import known_faults

_LEAST = 20  # portraits of which some can be said to be unlike the others
_SHARE = 0.06  # of the portrait's side: eyes that are further from their usual place
_SPREADS = 6.0  # and further than so many median deviations


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One sentence, and the portraits it is about with a word on each."""

    sentence: str
    shown: tuple[tuple[Portrait, str], ...] = ()


def faults(manifest: Manifest, info: Mapping[str, Any]) -> list[Fault]:
    """All that is known, then all that is seen."""
    return [
        *(Fault(sentence=note) for note in info.get("notes", ())),
        *_known(manifest, str(info.get("source", ""))),
        *_both_domains(manifest, str(info.get("source", ""))),
        *_two_labels(manifest),
        *_displaced(manifest),
    ]


def _known(manifest: Manifest, source: str) -> Iterator[Fault]:
    if source != "celeba_hq" or any("/" in p.source_name for p in manifest.portraits):
        return
    numbered = {int(p.id): p for p in manifest.portraits if p.id.isascii() and p.id.isdecimal()}
    ids = {number: p.id for number, p in numbered.items()}
    by_id = {p.id: p for p in numbered.values()}
    if pairs := known_faults.twins(ids):
        shown = [by_id[id_] for pair in pairs for id_ in pair]
        alike = sum(_same(by_id[one], by_id[other]) for one, other in pairs)
        parted = sum(by_id[one].split != by_id[other].split for one, other in pairs)
        yield Fault(
            sentence=f"{len(pairs)} pairs of portraits are reported to be one picture twice "
            f"({known_faults.REPORT}): {alike} are near-duplicates here, {parted} stand in both "
            "halves of the split.",
            shown=tuple((p, str(p.split or "")) for p in shown),
        )
    if unaligned := [numbered[n] for n in known_faults.UNALIGNED if n in numbered]:
        yield Fault(
            sentence=f"Reported not to be aligned ({known_faults.REPORT}); reject it when "
            "labelling.",
            shown=tuple((p, "") for p in unaligned),
        )


def _same(one: Portrait, other: Portrait) -> bool:
    return bool(one.near_duplicate) and one.near_duplicate == other.near_duplicate


def _both_domains(manifest: Manifest, source: str) -> Iterator[Fault]:
    if source != "celebgaze":
        return
    by_id = {p.id: p for p in manifest.portraits}
    pairs = [
        (p, by_id[f"Y-{p.id[2:]}"])
        for p in manifest.portraits
        if p.id.startswith("X-") and f"Y-{p.id[2:]}" in by_id
    ]
    if pairs:
        parted = sum(one.split != other.split for one, other in pairs)
        yield Fault(
            sentence=f"{len(pairs)} names stand in both domains (folders 0 and 1): {parted} of "
            "these pairs are in both halves of the split.",
            shown=tuple((p, str(p.split or "")) for pair in pairs for p in pair),
        )


def _two_labels(manifest: Manifest) -> Iterator[Fault]:
    labels = read_labels(manifest.root / "labels.csv")
    groups: dict[str, list[Portrait]] = defaultdict(list)
    for portrait in manifest.portraits:
        if portrait.near_duplicate and labels.get(portrait.id) in ("X", "Y"):
            groups[portrait.near_duplicate].append(portrait)
    torn = [group for group in groups.values() if len({labels[p.id] for p in group}) > 1]
    if torn:
        yield Fault(
            sentence=f"{len(torn)} groups of near-duplicates are labelled both X and Y.",
            shown=tuple((p, labels[p.id]) for group in torn for p in group),
        )


def _displaced(manifest: Manifest) -> Iterator[Fault]:
    """Portraits whose eyes are far from where those of the others are: not aligned as they are."""
    portraits = manifest.portraits
    if len(portraits) < _LEAST:
        return
    far = _distances([(*p.left_center, *p.right_center) for p in portraits])
    usual = statistics.median(far)
    limit = max(_SHARE * manifest.resolution, _SPREADS * usual)
    found = sorted(zip(far, portraits, strict=True), key=lambda pair: (-pair[0], pair[1].id))
    shown = tuple((p, f"{distance:.0f} px") for distance, p in found if distance > limit)
    if shown:
        yield Fault(
            sentence=f"{len(shown)} of {len(portraits):,} portraits have an eye more than "
            f"{limit:.0f} pixels from where it usually is (median distance {usual:.1f}): not "
            "aligned as the others, another face, or a head turned away.",
            shown=shown,
        )


def _distances(points: Sequence[tuple[float, ...]]) -> list[float]:
    """Of the further eye from the median place of that eye, pixels."""
    middle = [statistics.median(values) for values in zip(*points, strict=True)]
    return [
        max(((p[at] - middle[at]) ** 2 + (p[at + 1] - middle[at + 1]) ** 2) ** 0.5 for at in (0, 2))
        for p in points
    ]
