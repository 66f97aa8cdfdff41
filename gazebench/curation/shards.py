"""Which part of a source a job of a job array builds."""

import hashlib
from collections.abc import Sequence

from gazebench.sources import SourceFace, SpooledFaces

Shard = tuple[int, int]  # number, from 1 on, and how many there are


def shard_of(id_: str, shards: int) -> int:
    """Number, from 1 on, of the shard that a face belongs to; nothing but its id decides."""
    digest = hashlib.sha256(f"shard {id_}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards + 1


def part(faces: Sequence[SourceFace], shard: Shard | None) -> Sequence[SourceFace]:
    """The faces of a shard, in their order; all of them without one."""
    if shard is None:
        return faces
    number, shards = shard
    return SpooledFaces(face for face in faces if shard_of(face.id, shards) == number)
