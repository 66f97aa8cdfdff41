"""PRGAN between the domains X and Y: an eye patch is redirected and pasted back into its box.

Paper: He, Spurr, Zhang, Hilliges, "Photo-realistic monocular gaze redirection using generative
adversarial networks", ICCV 2019, arXiv 1903.12530. Code: github.com/HzDmS/gaze_redirection (MIT).

What differs: the paper learns from pairs with known gaze angles. Zhang et al. (2022, section IV-C)
train it on unpaired X and Y without the perceptual terms, and so does this module; their sheet of
choices does not say the rest, which is ours. The condition is one number, +1 for X and -1 for Y,
and the target is always the other domain. Both eyes go through one network, the right one
mirrored. An eye box is stretched to a square patch and the result shrunk back and pasted hard.
The condition enters as a constant plane, which instance normalisation takes away but for what the
zeros at the border tell (``label_reach``): with patches of 48 pixels, two residual blocks at least
are needed for it to reach the iris. Short trainings with fewer layers of D have a larger critic
map, over which the generator's force is averaged; ``weight_adv`` makes up for it.

``weight_rec`` is an addition for short trainings, and off: the authors' pairs held each patch with
itself, which the unpaired form loses.
"""

from typing import ClassVar, Self

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import Field, model_validator
from torch import Tensor, nn

from gazebench.baselines._layers import (
    adam,
    encoder_decoder,
    frozen,
    halvings,
    init_normal,
    tile,
)
from gazebench.baselines._losses import (
    gradient_penalty,
    wasserstein_critic,
    wasserstein_generator,
)
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw, eye_patches, paste_patches
from gazebench.methods import Task, TrainableMethod

X, Y = 1.0, -1.0  # the condition that stands for each domain


class Generator(nn.Module):
    """G: (N, 3, P, P) and a condition (N, labels) to the redirected patch (N, 3, P, P)."""

    def __init__(self, width: int = 64, residual_blocks: int = 6, labels: int = 1) -> None:
        super().__init__()
        self.body = encoder_decoder(3 + labels, width, residual_blocks)

    def forward(self, patch: Tensor, condition: Tensor) -> Tensor:
        """The patch as it would be under the condition, in [-1, 1]."""
        return self.body(tile(condition, patch))


class Discriminator(nn.Module):
    """D: (N, 3, P, P) to a critic map and the patch's condition (N, labels).

    At the paper's size, 64 and five layers, the last features are 2x2: the critic map is 3x3 and
    the condition one value. Larger features give a map of conditions, and its mean is taken.
    """

    def __init__(self, width: int = 64, layers: int = 5, labels: int = 1) -> None:
        super().__init__()
        channels = width * 2 ** (layers - 1)
        self.body = halvings(3, width, layers, slope=0.01)
        self.critic = nn.Conv2d(channels, 1, 2, 1, 1, bias=False)  # head A
        self.label = nn.Conv2d(channels, labels, 2, 1, 0, bias=False)  # head B

    def forward(self, patch: Tensor) -> tuple[Tensor, Tensor]:
        """Critic map (N, 1, h, w) and condition (N, labels)."""
        features = self.body(patch)
        return self.critic(features), self.label(features).mean((2, 3))


class PRGAN(TrainableMethod):
    """PRGAN, learned from unpaired portraits of X and Y."""

    card = MethodCard(
        title="PRGAN",
        paper="He et al., Photo-realistic monocular gaze redirection using generative "
        "adversarial networks, ICCV 2019",
        year=2019,
        url="https://arxiv.org/abs/1903.12530",
        code="https://github.com/HzDmS/gaze_redirection",
        license="MIT",
        supervision="unpaired X/Y",
        differs="domains X and Y in place of gaze angles, no perceptual losses (as Zhang et al. "
        "2022 trained it); eye box stretched to a square patch, pasted back without blending",
        keeps_outside=True,
    )
    inference_networks = ("G",)
    uncompiled = ("D",)  # the gradient penalty
    small_settings: ClassVar = {"width": 8, "residual_blocks": 1, "critic_steps": 2}

    class Config(Settings):
        """Settings; the defaults are the paper's, or its authors' code's."""

        steps: int = Field(
            default=40_000, ge=1, description="of G; five D steps each, 200,000 in all"
        )
        batch: int = Field(
            default=8, ge=1, description="portraits per domain: 4 * 8 eye patches, the code's 32"
        )
        patch: int = Field(default=64, ge=8, description="side of the square patch G sees")
        width: int = Field(
            default=64, ge=1, description="channels after the first layer, of both networks"
        )
        residual_blocks: int = Field(default=6, ge=0)
        discriminator_layers: int = Field(default=5, ge=1)
        critic_steps: int = Field(default=5, ge=1, description="D steps per G step")
        lr: float = Field(default=2e-4, gt=0)
        betas: tuple[float, float] = (0.5, 0.999)
        weight_adv: float = Field(default=1.0, ge=0, description="in the loss of G")
        weight_gp: float = Field(default=10.0, ge=0)
        weight_cls_critic: float = Field(
            default=5.0, ge=0, description="of the condition, in the loss of D"
        )
        weight_cls: float = Field(
            default=5.0, ge=0, description="of the condition, in the loss of G"
        )
        weight_cyc: float = Field(default=50.0, ge=0)
        weight_rec: float = Field(
            default=0.0, ge=0, description="of a patch redirected to its own domain; not theirs"
        )

        @model_validator(mode="after")
        def _fits(self) -> Self:
            unit = 2**self.discriminator_layers
            if self.patch % max(unit, 4) or self.patch < 2 * unit:
                raise ValueError(
                    f"patch = {self.patch} does not suit {self.discriminator_layers} discriminator "
                    f"layers; take a multiple of {max(unit, 4)} that is at least {2 * unit}"
                )
            return self

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        generator = Generator(config.width, config.residual_blocks)
        discriminator = Discriminator(config.width, config.discriminator_layers)
        self.networks = {"G": generator, "D": discriminator}
        self.optimisers = {}
        for letter, network in self.networks.items():
            init_normal(network, config.width)
            self.optimisers[letter] = adam(network, config.lr, config.betas)

    def correct(self, batch: Batch) -> Tensor:
        """Both eyes redirected to X; every pixel outside the eye boxes is the source's."""
        patch = self._patches(batch)  # (2N, 3, P, P)
        redirected = self.networks["G"](patch, _condition(X, patch))
        boxes = _resize(redirected.to(batch.image.dtype), self.task.window)
        pairs = boxes.unflatten(0, (-1, 2))  # (N, 2, 3, h, w)
        return paste_patches(batch.image, batch.eyes, _mirror_right(pairs))

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """``critic_steps`` updates of D and one of G, each on its own draw."""
        losses: dict[str, Tensor] = {}
        for _ in range(self.config.critic_steps):
            losses |= self._update_discriminator(*self._draw(draw), draw.generator)
        return losses | self._update_generator(*self._draw(draw))

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for the first half, then falling to 0 in a straight line (the authors' code)."""
        return min(1.0, 2.0 - 2.0 * step / steps)

    def _update_discriminator(
        self, real: Tensor, own: Tensor, noise: torch.Generator
    ) -> dict[str, Tensor]:
        discriminator, config = self.networks["D"], self.config
        with torch.no_grad():
            fake = self.networks["G"](real, -own)
        critic, label = discriminator(torch.cat([real, fake]))
        losses = {
            "D/adv": wasserstein_critic(*critic.chunk(2)),
            "D/gp": gradient_penalty(lambda z: discriminator(z)[0], real, fake, noise),
            "D/cls": F.mse_loss(label[: len(own)], own),
        }
        weights = {"D/gp": config.weight_gp, "D/cls": config.weight_cls_critic}
        return self.update("D", losses, weights)

    def _update_generator(self, real: Tensor, own: Tensor) -> dict[str, Tensor]:
        generator, config = self.networks["G"], self.config
        losses: dict[str, Tensor] = {}
        weights = {
            "G/adv": config.weight_adv,
            "G/cls": config.weight_cls,
            "G/cyc": config.weight_cyc,
        }
        with frozen(self.networks["D"]):
            fake = generator(real, -own)
            critic, label = self.networks["D"](fake)
            losses["G/adv"] = wasserstein_generator(critic)
            losses["G/cls"] = F.mse_loss(label, -own)
            losses["G/cyc"] = F.l1_loss(generator(fake, own), real)
            if config.weight_rec:
                losses["G/rec"] = F.l1_loss(generator(real, own), real)
                weights["G/rec"] = config.weight_rec
            return self.update("G", losses, weights)

    def _draw(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Patches of both domains, (4N, 3, P, P), and their own conditions, (4N, 1)."""
        x, y = (self._patches(batch) for batch in draw())
        return torch.cat([x, y]), torch.cat([_condition(X, x), _condition(Y, y)])

    def _patches(self, batch: Batch) -> Tensor:
        """Square eye patches, (2N, 3, P, P): left, mirrored right, left, ... of each portrait."""
        pairs = _mirror_right(eye_patches(batch.image, batch.eyes))  # (N, 2, 3, h, w)
        side = self.config.patch
        return _resize(pairs.flatten(0, 1), (side, side))


def _condition(value: float, patch: Tensor) -> Tensor:
    return patch.new_full((len(patch), 1), value)  # (N, 1)


def _mirror_right(pairs: Tensor) -> Tensor:
    """Eye patches (N, 2, 3, h, w) with the right eye mirrored; twice is the identity."""
    left, right = pairs.unbind(1)
    return torch.stack([left, right.flip(-1)], dim=1)


def _resize(patches: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(patches, size, mode="bilinear", antialias=True, align_corners=False)
