"""Faults of CelebA-HQ that are known by number (0 to 29999, as in CelebAMask-HQ).

As reported in github.com/switchablenorms/CelebAMask-HQ/issues/84 (2021): thirteen pairs that are
one picture twice, and a picture that is not aligned. Whether a copy has them is seen when it is
built: near-duplicates by their perceptual hash, alignment by where the eyes are.
"""

from collections.abc import Mapping

REPORT = "github.com/switchablenorms/CelebAMask-HQ/issues/84"
PAIRS = (
    (234, 235), (3329, 3330), (5162, 5163), (6770, 6771), (7384, 7385), (7561, 7562),
    (12444, 12445), (12885, 12886), (13825, 13826), (15506, 15507), (19199, 19200),
    (20134, 20135), (24646, 24647),
)  # fmt: skip
UNALIGNED = (2110,)


def twins(ids: Mapping[int, str]) -> list[tuple[str, str]]:
    """Ids of the pairs of which both are there; ``ids``: by number."""
    return [(ids[one], ids[other]) for one, other in PAIRS if one in ids and other in ids]


def remarks(ids: Mapping[int, str]) -> list[str]:
    """What is known of the pictures that are there."""
    found = []
    if pairs := twins(ids):
        shown = ", ".join(f"{one}={other}" for one, other in pairs[:3])
        more = " ..." if len(pairs) > 3 else ""
        found.append(
            f"{len(pairs)} pairs are one picture twice ({shown}{more}; {REPORT}): both are kept in "
            "one half"
        )
    if unaligned := [ids[number] for number in UNALIGNED if number in ids]:
        found.append(f"not aligned: {', '.join(unaligned)} ({REPORT}); reject it when labelling")
    return found
