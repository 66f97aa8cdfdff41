"""How many parameters the networks of a method have, by the rules of the papers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from gazebench import methods, plugins
from gazebench.dataset.boxes import eye_window
from gazebench.errors import MethodError
from gazebench.methods import TrainableMethod
from gazebench.plugins import Collection
from gazebench.training.job import trainable

RULES = ("inference", "training", "training_vgg")


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Of one method at its default settings, for portraits of one side."""

    method: str
    resolution: int  # side of the portraits, pixels
    without: tuple[str, ...] = ()  # letters of networks that are left out
    by_rule: Mapping[str, int] | None = None  # by ``RULES``; None where the method declines
    declined: str = ""  # why


def count(
    collection: Collection,
    resolutions: Sequence[int],
    variants: Iterable[tuple[str, int, tuple[str, ...]]] = (),
) -> Iterator[ParameterCount]:
    """Every trainable method for portraits of each side, by name.

    ``variants`` are method, side and networks to leave out; each comes after its whole method. No
    memory is taken: networks are built without numbers in them.
    """
    kinds = {name: methods.load(collection, name) for name in plugins.names(collection)}
    left_out = list(variants)
    for name in (n for n, kind in kinds.items() if methods.is_trainable(kind)):
        for resolution in resolutions:
            try:
                method = _built(collection, name, resolution)
            except MethodError as error:
                yield ParameterCount(name, resolution, declined=str(error))
                continue
            wanted = [without for n, r, without in left_out if (n, r) == (name, resolution)]
            for without in ((), *wanted):
                yield ParameterCount(name, resolution, without, _counts(method, without))


def _built(collection: Collection, name: str, resolution: int) -> TrainableMethod:
    kind = trainable(collection, name)
    task = methods.Task(resolution, eye_window(resolution))
    with torch.device("meta"):
        return kind(methods.settings_of(kind, name, {}), task)


def _counts(method: TrainableMethod, without: Iterable[str]) -> dict[str, int]:
    networks = {k: v for k, v in method.networks.items() if k not in without}
    left = {k: methods.count_parameters([v]) for k, v in networks.items()}
    training = sum(left.values())
    inference = sum(count for k, count in left.items() if k in method.inference_networks)
    counts = inference, training, training + method.frozen_parameters()
    return dict(zip(RULES, counts, strict=True))
