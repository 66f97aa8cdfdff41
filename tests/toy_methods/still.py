"""A method without networks."""

from torch import Tensor

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch
from gazebench.methods import Method, Task


class Still(Method):
    card = MethodCard(title="Still", kind="control")

    class Config(Settings):
        pass

    def __init__(self, config: Config, task: Task) -> None:
        self.config, self.task = config, task

    def correct(self, batch: Batch) -> Tensor:
        return batch.image.clone()
