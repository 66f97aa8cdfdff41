"""PAM: the auto-encoder whose encoder E_c gives GazeGAN and GazeGANV2 their content code.

Paper: Zhang et al. 2022, section III-D and equation 7; layers, losses and data as in the training
graph released with Zhang et al. 2020. An eye patch and the mirrored other eye of the same face,
which have another gaze but one shape and iris, must give the same patch; so the code tends to
hold what does not change with the gaze.

What differs: the released graph trains with batch 4 and spectral normalisation on the decoder, a
default of an old helper; later code has none, and so has this. The graph's skips, at every scale,
let the decoder pass the code by; ``skip = false`` turns them off, which is right for short
trainings: the codes of an eye and of the mirrored other one are then nearer to each other.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gazebench.baselines._gazegan_shared import (
    PatchDecoder,
    PatchEncoder,
    crop_resized,
    init_he,
    seen,
)
from gazebench.baselines._layers import adam, constant_then_linear, shortened
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.errors import MethodError
from gazebench.methods import Task, TrainableMethod


class PAM(TrainableMethod):
    """The pretrained auto-encoder module: E_c and its decoder, together G_pre."""

    card = MethodCard(
        title="PAM",
        kind="part",
        paper="Zhang et al., Unsupervised high-resolution portrait gaze correction and animation, "
        "IEEE TIP 2022",
        year=2022,
        url="https://arxiv.org/abs/2207.00256",
        code="https://github.com/zhangqianhui/GazeAnimation",
        supervision="none",
        differs="trained on X and Y as in the released graph; no spectral normalisation",
    )
    inference_networks = ("E_c", "decoder")
    small_settings: ClassVar = {"batch": 2, "width": 2, "code": 8, "divisor": 8}

    class Config(Settings):
        """Settings; the defaults are the paper's, or its authors' code's."""

        steps: int = Field(default=60_000, ge=1)
        batch: int = Field(default=16, ge=1)  # portraits per domain
        divisor: int = Field(default=4, ge=1)  # the square patch's side is the portrait's by this
        shrink: Literal[1, 2] = 2  # eyes are cut from the portrait (1), or from it halved (2)
        code: int = Field(default=128, ge=1)  # numbers per eye
        width: int = Field(default=16, ge=1)  # channels after the first layer
        skip: bool = True
        lr: float = Field(default=5e-4, gt=0)
        betas: tuple[float, float] = (0.5, 0.999)
        constant_steps: int = Field(default=20_000, ge=0)  # a third at most; then it falls to 0

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        unit = 8 * config.divisor
        if task.resolution % unit or task.resolution < 2 * unit:
            raise MethodError(
                f"PAM with divisor = {config.divisor} needs portraits whose side is a multiple of "
                f"{unit} and at least {2 * unit}, these have {task.resolution}"
            )
        self.side = task.resolution // config.divisor
        widths = widths_of(config.width)
        encoder = PatchEncoder(3, widths, self.side, config.code, leaky=True)
        decoder = PatchDecoder(widths, self.side, config.code, skip=config.skip)
        self.networks = {"E_c": encoder, "decoder": decoder}
        init_he(encoder)
        init_he(decoder)
        both = nn.ModuleList(self.networks.values())
        self.optimisers = {"G_pre": adam(both, config.lr, config.betas)}

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update by equation 7, over portraits of both domains."""
        eyes = torch.cat([self._patches(batch) for batch in draw()])  # (2N, 2, 3, S, S)
        inputs, targets = mirror_pairs(eyes)
        distance = (self._rebuilt(inputs) - targets).abs().mean((0, 2, 3, 4))  # (4,)
        losses = {"rec": distance[0::2].mean(), "rec_mirrored": distance[1::2].mean()}
        # the sum of two terms each, once for X and once for Y, which hold half of the patches each
        return self.update("G_pre", losses, dict.fromkeys(losses, 4.0))

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for ``constant_steps``, at most a third of all, then falling straight to 0."""
        return constant_then_linear(step, steps, shortened(self.config.constant_steps, steps, 3))

    def pictures(self, batch: Batch) -> Tensor:
        """The four inputs of equation 7, each above its output (figure 13): (N, 8, 3, S, S)."""
        inputs, _ = mirror_pairs(self._patches(batch))
        return torch.stack([inputs, self._rebuilt(inputs)], 2).flatten(1, 2).clamp(-1, 1)

    def _patches(self, batch: Batch) -> Tensor:
        return crop_resized(*seen(batch, self.config.shrink), self.side)

    def _rebuilt(self, patches: Tensor) -> Tensor:
        """G_pre of each patch, (N, K, 3, S, S)."""
        code, features = self.networks["E_c"](patches.flatten(0, 1))
        return self.networks["decoder"](code, features).unflatten(0, patches.shape[:2])


def widths_of(width: int) -> tuple[int, ...]:
    """Channels of E_c's layers from those of its first."""
    return width, 2 * width, 4 * width, 8 * width


def mirror_pairs(eyes: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets of equation 7, (N, 4, 3, S, S) each, of eye patches (N, 2, 3, S, S).

    Left eye, mirrored right eye → left eye; right eye, mirrored left eye → right eye.
    """
    left, right = eyes.unbind(1)
    inputs = torch.stack([left, right.flip(-1), right, left.flip(-1)], 1)
    return inputs, torch.stack([left, left, right, right], 1)
