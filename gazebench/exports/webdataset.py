"""Tar shards that the webdataset library streams: picture and ``ID.json`` side by side.

A shard holds at most 64 MB. Its bytes depend on the dataset alone: members in the order of ids,
no times, no owners.
"""

import functools
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from gazebench.exports import Export, ExportContent, Exported, ExportFile

MAX_BYTES = 64 * 1024**2
_FILES = {
    "train-000000.tar ...": "the train half, shards of at most 64 MB",
    "test-000000.tar ...": "the test half",
}


class WebDataset(Export):
    """One series of shards per half."""

    title = "tar shards for the webdataset library"

    def files(self, content: ExportContent) -> Iterator[ExportFile]:
        """The card, then the shards of both halves."""
        yield ExportFile("README.md", lambda: content.card(_FILES).encode())
        for half, rows in content.halves().items():
            for number, shard in enumerate(_shards(content, rows)):
                make = functools.partial(_tar, content, shard)
                portraits = len(shard) if content.with_pixels else 0
                yield ExportFile(f"{half}-{number:06}.tar", make, portraits)


def _shards(content: ExportContent, rows: Sequence[Exported]) -> Iterator[list[Exported]]:
    shard: list[Exported] = []
    size = _END
    for row in rows:
        more = _room(len(_json(row))) + (_room(content.size(row)) if content.with_pixels else 0)
        if shard and size + more > MAX_BYTES:
            yield shard
            shard, size = [], _END
        shard.append(row)
        size += more
    yield shard


_END = tarfile.RECORDSIZE  # two empty blocks, filled up to a record
_HEADERS = 4 * tarfile.BLOCKSIZE  # of one member, where its name is long


def _room(size: int) -> int:
    return _HEADERS + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _tar(content: ExportContent, rows: Sequence[Exported]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for row in rows:
            if content.with_pixels:
                _add(tar, f"{_key(row)}{content.suffix}", content.image(row))
            _add(tar, f"{_key(row)}.json", _json(row))
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # time, owner and group are 0
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _key(row: Exported) -> str:
    # the library cuts names at their first dot; no id has a "%"
    return row.id.replace(".", "%2E")


def _json(row: Exported) -> bytes:
    return json.dumps(asdict(row), ensure_ascii=False).encode()
