"""Which portraits of the train half are probably Y, for a session with ``--order active``.

A logistic regression on both eye patches learns from the labels of the train half that are there.
The odds that it finds weigh the random order in which portraits of the train half come (see
``queue``) and nothing else. Nobody sees them; the test half is neither learned from nor ordered.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gazebench import machine, store
from gazebench.annotation.faces import Faces
from gazebench.annotation.session import FOLDER, Session
from gazebench.annotation.votes import Votes
from gazebench.dataset import read_labels
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError
from gazebench.progress import bar
from gazebench.reading import MissingFileError, read_json

FILE = "proposals.json"  # below the session's folder
FEWEST = 20  # labels of each domain
_MOST = 4000  # labels of each domain; more are thinned out evenly
_PATCH = (20, 12)  # pixels of an eye that the model sees, width and height
_STRENGTH = 0.1  # of the labels against the prior that the model's weights are small
_LEAST = 0.001  # of P(Y): a portrait that is surely X, or has a label, still comes


class Proposals(BaseModel):
    """How probable Y is for portraits of the train half, in ``DATASET/labelling``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    x: int  # labels of the train half that were learned from
    y: int
    auc: float  # on those, by five-fold cross-validation; 0.5 is chance
    probable: Mapping[str, float] = Field(repr=False)  # portraits without a label → P(Y)

    @classmethod
    def of(cls, dataset: Path) -> Self | None:
        """Those of the session at ``dataset``, or None where there never were any.

        Raises:
            InputError: damaged.
        """
        path = dataset / FOLDER / FILE
        try:
            return cls.model_validate(read_json(path, f"remove it and run {_again(dataset)}"))
        except MissingFileError:
            return None
        except ValidationError:
            raise InputError(f"{path}: damaged; remove it and run {_again(dataset)}") from None

    def save(self, dataset: Path) -> None:
        """Write them.

        Raises:
            DiskError: no space or not writable.
        """
        store.write(dataset / FOLDER / FILE, self.model_dump_json() + "\n")

    def weights(self, faces: Faces) -> NDArray[np.float64]:
        """What each portrait weighs in the random order: the odds of Y, (N,), above 0."""
        found = np.array([self.probable.get(id_, 0.0) for id_ in faces.ids], float)
        sure = found.clip(_LEAST, 1 - _LEAST)
        return sure / (1 - sure)


def weights(dataset: Path, session: Session, faces: Faces) -> NDArray[np.float64] | None:
    """What each portrait weighs in the order of ``session``, (N,); None: all the same.

    Raises:
        InputError: the proposals are lost or damaged.
    """
    if session.plan.order == "random":
        return None
    found = Proposals.of(dataset)
    if found is None:
        raise InputError(f"{dataset / FOLDER / FILE}: is missing; run {_again(dataset)}")
    return found.weights(faces)


def _again(dataset: Path) -> str:
    return f"`gazebench label prepare {dataset} --annotators ana,bo --order active`"


def learn(dataset: Path, faces: Faces, *, quiet: bool = False) -> Proposals:
    """Learn from the labels of the train half, and judge the portraits there that have none.

    Labels are those of ``labels.csv``, and votes where all votes on a portrait are the same.

    Raises:
        InputError: fewer than 20 labels of a domain, or a picture that cannot be read.
    """
    decided = read_labels(dataset / "labels.csv")
    known = _known(dataset, faces, decided)
    x, y = (_thinned([id_ for id_, said in known.items() if said == d]) for d in ("X", "Y"))
    if min(len(x), len(y)) < FEWEST:
        raise InputError(
            f"--order active learns from labels of the train half and needs {FEWEST} of each "
            f"domain; there are {len(x)} X and {len(y)} Y. Label in random order first"
        )
    open_ = [id_ for id_ in faces.ids if not faces.is_test[faces.index[id_]] and id_ not in decided]
    seen = _patches(faces, [*x, *y, *open_], quiet)
    is_y = np.arange(len(x) + len(y)) >= len(x)
    auc, probable = _judged(seen[: len(is_y)], is_y, seen[len(is_y) :])
    return Proposals(
        x=len(x),
        y=len(y),
        auc=round(auc, 3),
        probable={id_: round(p, 4) for id_, p in zip(open_, probable, strict=True)},
    )


def _judged(
    learned: NDArray[np.float32], is_y: NDArray[np.bool_], others: NDArray[np.float32]
) -> tuple[float, list[float]]:
    """The area under the ROC curve on what is learned, cross-validated, and P(Y) of the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    model = LogisticRegression(C=_STRENGTH, max_iter=500)
    both, twice = np.concatenate([learned, _mirrored(learned)]), np.tile(is_y, 2)
    unseen = cross_val_predict(
        model,
        both,
        twice,
        groups=np.tile(np.arange(len(is_y)), 2),  # a portrait and its mirror image stay together
        cv=StratifiedGroupKFold(5),
        method="predict_proba",
    )
    auc = float(roc_auc_score(is_y, np.asarray(unseen)[: len(is_y), 1]))
    model.fit(both, twice)
    return auc, model.predict_proba(others)[:, 1].tolist() if len(others) else []


def _mirrored(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """The patches of the mirrored portraits: eyes change places, and each is flipped."""
    eyes = patches.reshape(-1, 2, _PATCH[1], _PATCH[0])
    return eyes[:, ::-1, :, ::-1].reshape(patches.shape)


def _known(dataset: Path, faces: Faces, decided: Mapping[str, str]) -> dict[str, str]:
    """Portraits of the train half with what was said of them, where nobody contradicts."""
    said: dict[str, set[str]] = {}
    with Votes.open(dataset) as votes:
        for event in votes.current():
            said.setdefault(event.portrait, set()).add(event.vote)
    agreed = {id_: next(iter(choices)) for id_, choices in said.items() if len(choices) == 1}
    known = {**agreed, **decided}
    return {
        i: v for i, v in known.items() if i in faces.index and not faces.is_test[faces.index[i]]
    }


def _thinned(ids: list[str]) -> list[str]:
    return sorted(ids)[:: max(1, -(-len(ids) // _MOST))]


def _patches(faces: Faces, ids: list[str], quiet: bool) -> NDArray[np.float32]:
    """Both eye patches of portraits in grey, (N, 2 * 12 * 20), each of mean 0 and deviation 1."""

    def read(id_: str) -> NDArray[np.float32]:
        grey = read_picture(faces.path(id_)).convert("L")
        boxes = faces.eyes[faces.index[id_]].tolist()
        return np.concatenate([_patch(grey, box) for box in boxes])

    shown = bar(total=len(ids), quiet=quiet, desc="eye patches", unit="face")
    with ThreadPoolExecutor(machine.cores()) as threads, shown:
        found = np.empty((len(ids), 2 * _PATCH[0] * _PATCH[1]), np.float32)
        for row, patch in enumerate(threads.map(read, ids)):
            found[row] = patch
            shown.update()
    return found


def _patch(grey: Image.Image, box: list[int]) -> NDArray[np.float32]:
    left, top, right, bottom = box
    small = grey.resize(_PATCH, Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    values = np.asarray(small, np.float32).ravel()
    return (values - values.mean()) / (values.std() + 4)  # of 255: a flat patch stays flat
