"""CycleGAN between the domains Y and X: the whole portrait, there and back.

Paper: Zhu, Park, Isola, Efros, "Unpaired image-to-image translation using cycle-consistent
adversarial networks", ICCV 2017, arXiv 1703.10593. Code:
github.com/junyanz/pytorch-CycleGAN-and-pix2pix (BSD-2-Clause).

Letters are the code's, with A = Y and B = X: G_A makes X of Y, D_A judges X; G_B makes Y of X, D_B
judges Y. What differs: 200 epochs would be millions of steps, and the number is capped at 200,000;
the learning rate falls with every step, not with every epoch. In several processes each keeps a
history of its own, and a resume gives all of them the main one's.
"""

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam

from gazebench.baselines._layers import (
    adam,
    as_changed,
    at_side,
    constant_then_linear,
    frozen,
    init_normal,
    random_flip,
)
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.errors import MethodError
from gazebench.methods import Task, TrainableMethod


class Residual(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflected borders: (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_normed(_reflected(channels, channels, 3), nn.ReLU(inplace=True)),
            _reflected(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The sum; (N, C, H, W)."""
        return x + self.body(x)


class ImagePool(nn.Module):
    """A history of generated images, so that a discriminator also sees older ones.

    Shrivastava et al. 2017, section 2.3, as CycleGAN's code has it. It is a module without
    parameters: its images are buffers, and so are kept in checkpoints.
    """

    images: Tensor  # (size, 3, H, W), as many of them as ``count`` says
    count: Tensor

    def __init__(self, size: int, side: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, 3, side, side))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """As many images as came in, (N, 3, H, W), without gradients.

        While the history is not full, it takes every image and gives it back. From then on, every
        second image by chance is exchanged for one of the history's. ``generator`` must be on the
        images' device.
        """
        if not len(self.images):
            return images.detach()
        return torch.stack([self._exchanged(image, generator) for image in images])

    def _exchanged(self, image: Tensor, generator: torch.Generator) -> Tensor:
        # all of it on the device: asking for a value would wait for the GPU
        size, device = len(self.images), image.device
        full = self.count >= size
        swap = full & (torch.rand((), generator=generator, device=device) > 0.5)
        place = torch.randint(size, (), generator=generator, device=device)
        place = torch.where(full, place, self.count).reshape(1)
        old = self.images.index_select(0, place)[0]
        kept = torch.where(swap | ~full, image, old)
        self.images.index_copy_(0, place, kept[None])
        self.count.add_(~full)
        return torch.where(swap, old, image)


class CycleGAN(TrainableMethod):
    """CycleGAN, learned from unpaired portraits of X and Y."""

    card = MethodCard(
        title="CycleGAN",
        paper="Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial "
        "networks, ICCV 2017",
        year=2017,
        url="https://arxiv.org/abs/1703.10593",
        code="https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        license="BSD-2-Clause",
        weights="https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        data="https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        supervision="unpaired X/Y",
        differs="200,000 steps in place of 200 epochs, the learning rate falling step by step",
    )
    inference_networks = ("G_A",)
    small_settings: ClassVar = {
        "width": 4,
        "residual_blocks": 1,
        "discriminator_layers": 2,
        "crop": 64,
        "pool": 3,
    }

    class Config(Settings):
        """Settings; the defaults are the authors' code's."""

        steps: int = Field(default=200_000, ge=1, description="of G_A and G_B together")
        batch: int = Field(default=1, ge=1, description="portraits per domain")
        enlarge: float = Field(
            default=286 / 256, ge=1, description="of the portrait, before the crop"
        )
        side: int | None = Field(
            default=None, ge=16, description="of what the networks see; None: the portrait's"
        )
        crop: int | None = Field(
            default=None, ge=4, description="side; None: the portrait's. 256 suits 512"
        )
        width: int = Field(
            default=64, ge=1, description="channels after the first layer, of all networks"
        )
        residual_blocks: int = Field(default=9, ge=0)
        discriminator_layers: int = Field(
            default=3, ge=1, description="of stride 2: 3 sees 70x70 pixels"
        )
        pool: int = Field(
            default=50, ge=0, description="generated images that are remembered, per domain"
        )
        lr: float = Field(default=2e-4, gt=0)
        betas: tuple[float, float] = (0.5, 0.999)
        weight_cyc: float = Field(default=10.0, ge=0)
        weight_rec: float = Field(
            default=5.0, ge=0, description="of identity: their 0.5 of the cycle's 10"
        )

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        self.side = config.side or task.resolution
        self._crop = config.crop or self.side
        self._enlarged = round(config.enlarge * self.side)
        self._refuse()
        self.networks = {
            "G_A": resnet(config.width, config.residual_blocks),
            "G_B": resnet(config.width, config.residual_blocks),
            "D_A": patch_discriminator(config.width, config.discriminator_layers),
            "D_B": patch_discriminator(config.width, config.discriminator_layers),
        }
        self.optimisers = {letter: self._adam(letter) for letter in "GD"}
        for letter in "AB":
            self.networks[f"pool_{letter}"] = ImagePool(config.pool, self._crop)

    def correct(self, batch: Batch) -> Tensor:
        """G_A of the whole portraits; every pixel may change."""
        seen = at_side(batch.image, self.side)
        made = self.networks["G_A"](seen).to(batch.image.dtype)
        return as_changed(batch.image, seen, made)

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update of both generators, and then one of both discriminators."""
        x, y = draw()
        b, a = (self._augmented(batch.image, draw.generator) for batch in (x, y))
        fake_b, fake_a, losses = self._update_generators(a, b)
        pool_a, pool_b = self.networks["pool_A"], self.networks["pool_B"]
        # in the authors' order: D_A and what it judges, of B, come first
        shown_b, shown_a = pool_b(fake_b, draw.generator), pool_a(fake_a, draw.generator)
        return losses | self._step(
            "D",
            {
                "D_A/adv": discriminator_loss(self.networks["D_A"], b, shown_b),
                "D_B/adv": discriminator_loss(self.networks["D_B"], a, shown_a),
            },
        )

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for the first half, then falling to 0 in a straight line."""
        return constant_then_linear(step, steps, steps // 2)

    def _update_generators(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        g_a, g_b = self.networks["G_A"], self.networks["G_B"]
        d_a, d_b = self.networks["D_A"], self.networks["D_B"]
        with frozen(d_a), frozen(d_b):
            fake_b, same_b = g_a(torch.cat([a, b])).chunk(2)
            fake_a, same_a = g_b(torch.cat([b, a])).chunk(2)
            losses = {
                "G_A/adv": least_squares(d_a(fake_b), 1.0),
                "G_B/adv": least_squares(d_b(fake_a), 1.0),
                "G_A/cyc": F.l1_loss(g_b(fake_b), a),
                "G_B/cyc": F.l1_loss(g_a(fake_a), b),
                "G_A/rec": F.l1_loss(same_b, b),
                "G_B/rec": F.l1_loss(same_a, a),
            }
            return fake_b.detach(), fake_a.detach(), self._step("G", losses)

    def _step(self, letter: str, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """One update of both networks of a letter by their weighted losses; gives the losses."""
        cyc, rec = self.config.weight_cyc, self.config.weight_rec
        weights = {"G_A/cyc": cyc, "G_B/cyc": cyc, "G_A/rec": rec, "G_B/rec": rec}
        return self.update(letter, losses, weights)

    def _augmented(self, image: Tensor, noise: torch.Generator) -> Tensor:
        """Enlarged, cropped at a place of its own and perhaps mirrored: (N, 3, crop, crop)."""
        image = at_side(image, self.side)
        if self._enlarged != self.side:
            # antialiasing takes the cubic kernel of Pillow, which the authors use
            image = F.interpolate(image, self._enlarged, mode="bicubic", antialias=True)
        return random_flip(random_crop(image.clamp(-1, 1), self._crop, noise), noise)

    def _adam(self, letter: str) -> Adam:
        networks = [self.networks[f"{letter}_{half}"] for half in "AB"]
        for network in networks:
            init_normal(network, self.config.width)
        return adam(nn.ModuleList(networks), self.config.lr, self.config.betas)

    def _refuse(self) -> None:
        least = 3 * 2**self.config.discriminator_layers
        if self.side > self.task.resolution:
            raise MethodError(
                f"methods.cyclegan.side = {self.side} is more than the portraits' "
                f"{self.task.resolution}; take a smaller one"
            )
        for name, side in (("portrait", self.side), ("crop", self._crop)):
            if side % 4 or side < least:
                raise MethodError(
                    f"CycleGAN needs a {name} whose side is a multiple of 4 and at least {least}, "
                    f"not {side}; set methods.cyclegan.side or crop, or build another dataset"
                )
        if self._crop > self._enlarged:
            raise MethodError(
                f"methods.cyclegan.crop = {self._crop} is more than the portrait, enlarged from "
                f"{self.side} to {self._enlarged}; take a smaller crop"
            )


def resnet(width: int = 64, residual_blocks: int = 9) -> nn.Sequential:
    """A generator: (N, 3, H, W) to (N, 3, H, W) in [-1, 1]; H and W must be multiples of 4."""
    w = width
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(
        *_normed(_reflected(3, w, 7), relu),
        *_normed(nn.Conv2d(w, 2 * w, 3, 2, 1), relu),
        *_normed(nn.Conv2d(2 * w, 4 * w, 3, 2, 1), relu),
        *(Residual(4 * w) for _ in range(residual_blocks)),
        *_normed(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, output_padding=1), relu),
        *_normed(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, output_padding=1), relu),
        _reflected(w, 3, 7),
        nn.Tanh(),
    )


def patch_discriminator(width: int = 64, layers: int = 3) -> nn.Sequential:
    """PatchGAN: (N, 3, H, W) to a map of judgements, 1 for real and 0 for generated patches.

    ``layers`` convolutions of stride 2 and two of stride 1, channels up to ``8 * width``.
    """
    leaky = nn.LeakyReLU(0.2, inplace=True)
    parts: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), leaky]
    channels = [width * min(2**layer, 8) for layer in range(layers + 1)]
    strides = [2] * (layers - 1) + [1]
    for (inputs, outputs), stride in zip(pairwise(channels), strides, strict=True):
        parts += _normed(nn.Conv2d(inputs, outputs, 4, stride, 1), leaky)
    return nn.Sequential(*parts, nn.Conv2d(channels[-1], 1, 4, 1, 1))


def least_squares(judgement: Tensor, target: float) -> Tensor:
    """Mean of the squared distances to the target: LSGAN, Mao et al. 2017."""
    return (judgement - target).square().mean()


def discriminator_loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Half the sum of the least squares of real images (to 1) and of generated ones (to 0)."""
    judged_real, judged_fake = discriminator(torch.cat([real, fake])).chunk(2)
    return 0.5 * (least_squares(judged_real, 1.0) + least_squares(judged_fake, 0.0))


def random_crop(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square of each image, each at a place of its own: (N, C, side, side) of (N, C, H, H)."""
    count, places = len(image), image.shape[-1] - side + 1
    corner = torch.randint(places, (2, count, 1), generator=generator, device=image.device)
    rows, columns = corner + torch.arange(side, device=image.device)  # (N, side) each
    each = torch.arange(count, device=image.device)[:, None, None]
    crops = image.movedim(1, -1)[each, rows[:, :, None], columns[:, None, :]]
    return crops.movedim(-1, 1).contiguous()


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d, activation: nn.Module) -> list[nn.Module]:
    return [convolution, nn.InstanceNorm2d(convolution.out_channels), activation]


def _reflected(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")
