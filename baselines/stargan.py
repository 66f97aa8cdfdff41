"""StarGAN between the domains X and Y: the whole portrait, under the label "looks at the camera".

Paper: Choi, Choi, Kim, Ha, Kim, Choo, "StarGAN: unified generative adversarial networks for
multi-domain image-to-image translation", CVPR 2018, arXiv 1711.09020. Code:
github.com/yunjey/stargan (MIT).

What differs: the label is one number, 1 for X and 0 for Y, drawn half and half. Portraits are
aligned already and not cropped. The authors' instance normalisation keeps running statistics that
their code never uses; here it has none. Their code lowers the learning rate by 0.1 % in all where
their text has it fall to 0; ``lr_decay`` chooses between the two. As with them, G sees the
portraits and labels of the last D step before it, and PyTorch's own initial weights are kept.

At 256 px the published networks cannot correct a gaze: instance normalisation takes the label's
constant plane away but for the zeros that pad it, and what these tell reaches 62 pixels far
(``label_reach``), short of most irises. That is kept. With ``side = 128`` the networks see the
portrait at half its size, and the label reaches the eyes. ``weight_adv`` and ``weight_rec`` are for
short trainings too: with fewer layers of D its map is larger, and G's force is averaged over it.
So is ``critic_steps = 1``: with five, G has too few steps even to learn to keep colours.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import Field
from torch import Tensor, nn

from gazebench.baselines._layers import (
    adam,
    as_changed,
    at_side,
    constant_then_linear,
    encoder_decoder,
    frozen,
    halvings,
    random_flip,
    tile,
)
from gazebench.baselines._losses import (
    gradient_penalty,
    wasserstein_critic,
    wasserstein_generator,
)
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.errors import MethodError
from gazebench.methods import Task, TrainableMethod

X, Y = 1.0, 0.0  # the label of each domain: whether the portrait looks at the camera


class Generator(nn.Module):
    """G: a portrait (N, 3, H, W) and a label (N, labels) to the portrait under it (N, 3, H, W)."""

    def __init__(self, width: int = 64, residual_blocks: int = 6, labels: int = 1) -> None:
        super().__init__()
        self.body = encoder_decoder(3 + labels, width, residual_blocks)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """The portrait as it would be under the label, in [-1, 1]."""
        return self.body(tile(label, image))


class Discriminator(nn.Module):
    """D: a portrait (N, 3, R, R) to a critic map and the label's logit (N, labels).

    R is ``resolution``, a multiple of 2^layers: the label's kernel covers all of the last features.
    """

    def __init__(self, resolution: int, width: int = 64, layers: int = 6, labels: int = 1) -> None:
        super().__init__()
        channels, side = width * 2 ** (layers - 1), resolution // 2**layers
        self.body = halvings(3, width, layers, slope=0.01)
        self.critic = nn.Conv2d(channels, 1, 3, 1, 1, bias=False)
        self.label = nn.Conv2d(channels, labels, side, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Critic map (N, 1, R / 2^layers, R / 2^layers) and logit (N, labels)."""
        features = self.body(image)
        return self.critic(features), self.label(features).flatten(1)


class StarGAN(TrainableMethod):
    """StarGAN, learned from unpaired portraits of X and Y."""

    card = MethodCard(
        title="StarGAN",
        paper="Choi et al., StarGAN: unified generative adversarial networks for multi-domain "
        "image-to-image translation, CVPR 2018",
        year=2018,
        url="https://arxiv.org/abs/1711.09020",
        code="https://github.com/yunjey/stargan",
        license="MIT",
        weights="https://github.com/yunjey/stargan",
        data="https://github.com/yunjey/stargan",
        supervision="unpaired X/Y",
        differs="one attribute, whether the portrait looks at the camera; both domains drawn "
        "equally often; no crop, portraits are aligned already",
    )
    inference_networks = ("G",)
    uncompiled = ("D",)  # the gradient penalty
    small_settings: ClassVar = {
        "width": 2,
        "residual_blocks": 1,
        "discriminator_layers": 4,
        "critic_steps": 2,
    }

    class Config(Settings):
        """Settings; the defaults are the authors' code's."""

        steps: int = Field(
            default=40_000, ge=1, description="of G; five D steps each, 200,000 in all"
        )
        batch: int = Field(
            default=8, ge=1, description="portraits per domain: their 16; take 4 at 512"
        )
        width: int = Field(
            default=64, ge=1, description="channels after the first layer, of both networks"
        )
        residual_blocks: int = Field(default=6, ge=0)
        discriminator_layers: int = Field(default=6, ge=1)
        critic_steps: int = Field(default=5, ge=1, description="D steps per G step")
        lr: float = Field(default=1e-4, gt=0)
        lr_decay: Literal["none", "linear"] = Field(
            default="none", description="as their code does; as their text says"
        )
        betas: tuple[float, float] = (0.5, 0.999)
        side: int | None = Field(
            default=None, ge=32, description="of what G and D see; None: the portrait's"
        )
        weight_adv: float = Field(default=1.0, ge=0, description="in the loss of G")
        weight_gp: float = Field(default=10.0, ge=0)
        weight_cls: float = Field(default=1.0, ge=0, description="of the label, in both losses")
        weight_cyc: float = Field(default=10.0, ge=0, description='their "rec"')
        weight_rec: float = Field(
            default=0.0, ge=0, description="of a portrait under its own label; not theirs"
        )

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        self.side = config.side or task.resolution
        _refuse(config.discriminator_layers, self.side, task.resolution)
        width, layers = config.width, config.discriminator_layers
        self.networks = {
            "G": Generator(width, config.residual_blocks),
            "D": Discriminator(self.side, width, layers),
        }
        self.optimisers = {
            letter: adam(network, config.lr, config.betas)
            for letter, network in self.networks.items()
        }

    def correct(self, batch: Batch) -> Tensor:
        """The portraits under the label of X; every pixel may change."""
        seen = at_side(batch.image, self.side)
        made = self.networks["G"](seen, _label(X, seen)).to(batch.image.dtype)
        return as_changed(batch.image, seen, made)

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """``critic_steps`` updates of D, each on its own draw, and one of G on the last of them."""
        losses: dict[str, Tensor] = {}
        draws = [self._draw(draw) for _ in range(self.config.critic_steps)]
        for drawn in draws:
            losses |= self._update_discriminator(*drawn, draw.generator)
        return losses | self._update_generator(*draws[-1])

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1, or with ``lr_decay = "linear"`` 1 for the first half and then falling to 0."""
        if self.config.lr_decay == "none":
            return 1.0
        return constant_then_linear(step, steps, steps // 2)

    def _update_discriminator(
        self, real: Tensor, own: Tensor, target: Tensor, noise: torch.Generator
    ) -> dict[str, Tensor]:
        discriminator, config = self.networks["D"], self.config
        with torch.no_grad():
            fake = self.networks["G"](real, target)
        critic, logit = discriminator(torch.cat([real, fake]))
        losses = {
            "D/adv": wasserstein_critic(*critic.chunk(2)),
            "D/gp": gradient_penalty(lambda z: discriminator(z)[0], real, fake, noise),
            "D/cls": _label_loss(logit[: len(own)], own),
        }
        return self.update("D", losses, {"D/gp": config.weight_gp, "D/cls": config.weight_cls})

    def _update_generator(self, real: Tensor, own: Tensor, target: Tensor) -> dict[str, Tensor]:
        generator, config = self.networks["G"], self.config
        weights = {
            "G/adv": config.weight_adv,
            "G/cls": config.weight_cls,
            "G/cyc": config.weight_cyc,
        }
        with frozen(self.networks["D"]):
            fake = generator(real, target)
            critic, logit = self.networks["D"](fake)
            losses = {
                "G/adv": wasserstein_generator(critic),
                "G/cls": _label_loss(logit, target),
                "G/cyc": F.l1_loss(generator(fake, own), real),
            }
            if config.weight_rec:
                losses["G/rec"] = _own_label_distance(fake, real, own == target)
                weights["G/rec"] = config.weight_rec
            return self.update("G", losses, weights)

    def _draw(self, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Portraits of both domains (2N, 3, R, R), their labels and their targets (2N, 1).

        The targets are the labels in another order, so that half of them, on average, stay.
        """
        x, y = (at_side(batch.image, self.side) for batch in draw())
        real = random_flip(torch.cat([x, y]), draw.generator)
        own = torch.cat([_label(X, x), _label(Y, y)])
        order = torch.randperm(len(own), generator=draw.generator, device=own.device)
        return real, own, own[order]


def _own_label_distance(fake: Tensor, real: Tensor, same: Tensor) -> Tensor:
    """L1 over the portraits whose target is their own label, ``same`` (N, 1); 0 without any."""
    distance = (fake - real).abs().mean((1, 2, 3))
    return (distance * same[:, 0]).sum() / same.sum().clamp(min=1)


def _label(value: float, image: Tensor) -> Tensor:
    return image.new_full((len(image), 1), value)


def _label_loss(logit: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the labels and averaged over the portraits."""
    loss = F.binary_cross_entropy_with_logits(logit, label, reduction="sum")
    return loss / len(label)


def _refuse(layers: int, side: int, resolution: int) -> None:
    if side > resolution:
        raise MethodError(
            f"StarGAN with side = {side} needs portraits of that side at least, these have "
            f"{resolution}; take a smaller one: --set methods.stargan.side=N"
        )
    unit = max(2**layers, 4)
    if side % unit:
        raise MethodError(
            f"StarGAN with discriminator_layers = {layers} needs portraits whose side is a "
            f"multiple of {unit}, these have {side}; take fewer layers: "
            "--set methods.stargan.discriminator_layers=N"
        )
