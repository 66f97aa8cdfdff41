"""Portraits that ``gazebench synthesize`` made: true eyes, identities and gaze, no photograph."""

from collections.abc import Iterator
from pathlib import Path

from gazebench.dataset.boxes import mean_point
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, safe_ids, text_name
from gazebench.synthetic import truth


class Drawn(Source):
    """The pictures that ``truth.csv`` names, with the eyes, mouths and labels it gives."""

    title = "synthetic portraits"
    layout = (
        "a folder made by `gazebench synthesize`: known landmarks, gaze angles and labels, exact "
        "ground truth without a download"
    )
    redistributable = True  # nobody is shown
    license = "none: drawn by gazebench"
    alignment = "none"
    landmarks = "listed"
    order = 5

    def __init__(self, root: Path) -> None:
        self._images = root / "images"
        self._list = root / truth.FILE
        self._truths = truth.read_truth(self._list)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder with a ``truth.csv`` of synthetic portraits."""
        return truth.is_truth(root / truth.FILE)

    def faces(self) -> Iterator[SourceFace]:
        """One face per line of ``truth.csv``.

        Raises:
            InputError: a picture is missing.
        """
        by_name = {text_name(Path(true.name)): true for true in self._truths}
        ids = safe_ids(by_name)
        for name in sorted(by_name, key=lambda n: ids[n]):
            true = by_name[name]
            path = self._images / true.name
            if not path.is_file():
                raise InputError(
                    f"{path}: {self._list.name} names it and it is not there; run the same "
                    "`gazebench synthesize` again to finish the folder"
                )
            yield SourceFace(
                id=ids[name],
                name=name,
                path=path,
                identity=true.identity,
                eyes=true.eyes,
                mouth=mean_point([true.landmarks[48], true.landmarks[54]]),
                label=true.domain.value,
            )

    def remarks(self) -> list[str]:
        """Nothing: all is known."""
        return []
