"""GazeGAN: eyes are painted into the masked portrait, by one generator for each domain.

Paper: Zhang et al., "Dual in-painting model for unsupervised gaze correction and animation in the
wild", ACM MM 2020. Code: github.com/zhangqianhui/GazeAnimation (no licence). G_x learns to paint
eyes of domain X from domain X alone, so what it paints into a portrait of Y looks at the camera.
G_y paints Y under a code r of the gaze, which E_r takes from the eyes.

Two presets: ``released`` is the code that made the released weights (joint r of 2 numbers, content
code of 256 per eye, used with windows of 40x60: `build-dataset --window 40x60`), ``table_i`` the
mix of parts that gives the 73.26 M parameters of table I of Zhang et al. 2022. At 512 no printed
configuration is known; this one counts 0.28 % more than the 183.2 M of the table.

What differs: the authors' code mirrors the eye windows of only one domain when it mirrors the
portraits; here both move. VGG-16 has torchvision's weights, under which the released weight of the
perceptual loss, 100, would drown all else: it is 0.05, by equal gradients. With a wrong path to PAM
their code trains with a random E_c; here it stops.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gazebench.baselines._gazegan_shared import (
    ALPHAS,
    Discriminator,
    Inpainter,
    PatchEncoder,
    View,
    angle_encoder,
    between,
    code_of,
    eye_strips,
    flipped_together,
    init_he,
    logits_of,
    pam_part,
    warm_up,
    with_preset,
)
from gazebench.baselines._layers import adam, frozen, shortened, stepwise_linear
from gazebench.baselines._losses import (
    PARAMETERS,
    WEIGHT,
    Perceptual,
    logistic_critic,
    logistic_generator,
    window_l1,
)
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.errors import MethodError
from gazebench.methods import Part, Task, TrainableMethod

PRESETS: dict[str, dict[str, Any]] = {
    "released": {"code": 256, "joint_angle": True},
    "table_i": {"code": 128, "joint_angle": False},
}


class GazeGAN(TrainableMethod):
    """GazeGAN (V1): the gaze correction module GCM and the gaze animation module GAM."""

    card = MethodCard(
        title="GazeGAN",
        paper="Zhang et al., Dual in-painting model for unsupervised gaze correction and animation "
        "in the wild, ACM MM 2020",
        year=2020,
        url="https://arxiv.org/abs/2008.03834",
        code="https://github.com/zhangqianhui/GazeAnimation",
        data="https://github.com/zhangqianhui/GazeAnimation",
        supervision="unpaired X/Y",
        differs="eye windows of both domains are mirrored with the portraits; VGG-16 weights are "
        "torchvision's, for which the perceptual loss, where it is on, weighs 0.05 in place of 100",
        keeps_outside=True,
    )
    inference_networks = ("E_c", "E_r", "G_x", "G_y")
    small_settings: ClassVar = {
        "batch": 1,
        "width": 2,
        "code": 8,
        "divisor": 8,
        "weight_per": 0.0,
    }

    class Config(Settings):
        """Settings; the defaults are the authors' code's, with the sizes of ``table_i``."""

        preset: Literal["released", "table_i"] = "table_i"
        steps: int = Field(default=200_000, ge=1)
        batch: int = Field(default=16, ge=1, description="portraits per domain; 8 at 512")
        code: int = Field(default=128, ge=1, description="numbers of c per eye")
        angle: int = Field(default=2, ge=1, description="numbers of r: per eye, or in all")
        joint_angle: bool = Field(default=False, description="E_r sees both eyes at once")
        divisor: int = Field(
            default=4, ge=1, description="side of square patches: the portrait's by this"
        )
        pam_shrink: Literal[1, 2] = Field(default=1, description="of the PAM that E_c comes from")
        width: int = Field(default=16, ge=1, description="channels after the first layer")
        flip: bool = True
        lr: float = Field(default=1e-4, gt=0)
        lr_critic: float | None = Field(default=None, gt=0, description="of D_x and D_y; None: lr")
        betas: tuple[float, float] = (0.5, 0.999)
        warm_up_steps: int = Field(
            default=0,
            ge=0,
            description="first ones, by L1 alone, a fifth at most; none in their code",
        )
        constant_steps: int = Field(
            default=20_000, ge=0, description="a tenth at most; then it falls to 0"
        )
        weight_rec: float = Field(default=1.0, ge=0)
        weight_fp: float = Field(default=1.0, ge=0)
        weight_per: float = Field(
            default=WEIGHT, ge=0, description="100 in their code, for other weights"
        )
        interpolate_content: bool = Field(
            default=True, description="an animation's c goes along with r, as in the code"
        )

        @model_validator(mode="before")
        @classmethod
        def _preset(cls, values: Any) -> Any:
            return with_preset(values, PRESETS, "table_i")

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        if task.resolution % (32 * config.divisor) or task.resolution < 64:
            raise MethodError(
                f"GazeGAN with divisor = {config.divisor} needs portraits whose side is a multiple "
                f"of {32 * config.divisor} and at least 64, these have {task.resolution}"
            )
        super().__init__(config, task)
        self.side = task.resolution // config.divisor
        self.perceptual: Perceptual | None = None
        self.networks = self._networks(task.resolution)
        betas, lr = config.betas, config.lr
        rates = {"D_x": config.lr_critic or lr, "D_y": config.lr_critic or lr, "G_x": lr}
        self.optimisers = {n: adam(self.networks[n], rate, betas) for n, rate in rates.items()}
        animation = nn.ModuleList([self.networks["G_y"], self.networks["E_r"]])
        self.optimisers["G_y"] = adam(animation, lr, betas)

    @classmethod
    def parts(cls, config: Config, task: Task) -> Mapping[str, Part]:
        """E_c, from PAM."""
        shrink, width = config.pam_shrink, config.width
        part = pam_part(code=config.code, divisor=config.divisor, shrink=shrink, width=width)
        return {"E_c": part}

    def start_training(self, device: torch.device) -> None:
        """Load VGG-16, if the perceptual loss has a weight."""
        if self.config.weight_per:
            self.perceptual = Perceptual().to(device, memory_format=torch.channels_last)

    def frozen_parameters(self) -> int:
        """Of VGG-16, if it is used."""
        return PARAMETERS if self.config.weight_per else 0

    def correct(self, batch: Batch) -> Tensor:
        """y^x = G_x(M(y), c_y); every pixel outside the eye boxes is the source's."""
        view = self._view(batch)
        painted = self._painted("G_x", view, self._content(view.patches))
        return torch.where(batch.mask > 0, painted, batch.image)

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        """G_y, from alpha 0, the portrait's own codes, to 1, its correction's: (N, A, 3, H, W)."""
        view = self._view(batch)
        content = self._content(view.patches)
        corrected = view.eyes_of(self._painted("G_x", view, content))
        angles = self._angle(view.patches), self._angle(corrected)
        contents = content, self._content(corrected) if self.config.interpolate_content else content
        images = []
        for alpha in alphas:
            condition = torch.cat([between(*angles, alpha), between(*contents, alpha)], 1)
            painted = self._painted("G_y", view, condition)
            images.append(torch.where(batch.mask > 0, painted, batch.image))
        return torch.stack(images, 1)

    def codes(self, batch: Batch, alphas: Sequence[float]) -> Mapping[str, Tensor]:
        """R from alpha 0, the portrait's, to 1, its correction's; c of y and of y with a tilde."""
        view = self._view(batch)
        content = self._content(view.patches)
        corrected = view.eyes_of(self._painted("G_x", view, content))
        angles = self._angle(view.patches), self._angle(corrected)
        made = self._painted("G_y", view, torch.cat([angles[0], content], 1))
        return {
            "r": torch.stack([between(*angles, alpha) for alpha in alphas], 1),
            "c": content,
            "c_made": self._content(view.eyes_of(made)),
        }

    def pictures(self, batch: Batch) -> Tensor:
        """Both eyes at each of ``ALPHAS``: the gaze moves to its correction, (N, 5, 3, h, 2w)."""
        return eye_strips(self.animate(batch, ALPHAS), batch.eyes)

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update each of D_x, D_y, G_x and G_y with E_r, in this order, on one draw."""
        x, y = (self._view(batch) for batch in flipped_together(draw, self.config.flip))
        c_x, c_y = self._content(x.patches), self._content(y.patches)
        painted_x = self._painted("G_x", x, c_x)  # x with a tilde in the paper
        painted_y = self._painted("G_y", y, torch.cat([self._angle(y.patches), c_y], 1))
        if draw.step < warm_up(self.config, self.config.steps):
            return self._warm_up(x, y, painted_x, painted_y)
        with torch.no_grad():
            _, retold, _ = self._retold(y, c_y)
        losses = self._update_critic("D_x", x, [(x, painted_x), (y, retold)], real=2.0)
        losses |= self._update_critic("D_y", y, [(y, painted_y)], real=1.0)
        losses |= self._update_correction(x, painted_x)
        return losses | self._update_animation(y, painted_y, c_y)

    def _warm_up(self, x: View, y: View, painted_x: Tensor, painted_y: Tensor) -> dict[str, Tensor]:
        """One update each of G_x and G_y with E_r, by their reconstructions alone."""
        losses: dict[str, Tensor] = {}
        for letter, view, painted in (("G_x", x, painted_x), ("G_y", y, painted_y)):
            rec = {f"{letter}/rec": window_l1(painted, view.image, self.task.window)}
            losses |= self.update(letter, rec)
        return losses

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for ``constant_steps``, then falling to 0 every 2,000 steps (the released code).

        Constant for a tenth of the steps at most, and a hundredth of them between two falls.
        """
        constant = shortened(self.config.constant_steps, steps)
        return stepwise_linear(step, steps, constant, max(1, shortened(2000, steps, 100)))

    def schedule(self, step: int, steps: int) -> tuple[float, ...]:
        """The learning rate's factor, and whether ``step`` is of the warm-up."""
        return *super().schedule(step, steps), float(step < warm_up(self.config, steps))

    def typical_step(self) -> int:
        """The first after the warm-up."""
        return warm_up(self.config, self.config.steps)

    def _networks(self, resolution: int) -> dict[str, nn.Module]:
        config, side = self.config, self.side
        w, content = config.width, 2 * config.code
        angle = config.angle if config.joint_angle else 2 * config.angle
        encoder = PatchEncoder(3, (w, 2 * w, 4 * w, 8 * w), side, config.code, leaky=True)
        found: dict[str, nn.Module] = {
            "E_c": encoder.requires_grad_(False),
            "E_r": angle_encoder(w, side, config.angle, joint=config.joint_angle),
            "G_x": Inpainter(resolution, content, w),
            "G_y": Inpainter(resolution, angle + content, w),
        }
        for network in found.values():
            init_he(network)
        for letter in ("D_x", "D_y"):
            found[letter] = Discriminator(
                resolution, side, w, local_cap=512, hidden=64 * w, normalise_linear=True
            )
        return found

    def _view(self, batch: Batch) -> View:
        return View.of(batch.image, batch.eyes, self.side)

    def _content(self, patches: Tensor) -> Tensor:
        return code_of(self.networks["E_c"], patches)

    def _angle(self, patches: Tensor) -> Tensor:
        return code_of(self.networks["E_r"], patches, joint=self.config.joint_angle)

    def _painted(self, letter: str, view: View, condition: Tensor) -> Tensor:
        return self.networks[letter](view.masked, view.mask, condition)

    def _retold(self, y: View, c_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """y^x, what G_y makes of its codes, and its content code; y^x is a constant here."""
        with torch.no_grad():
            corrected = self._painted("G_x", y, c_y)
            patches = y.eyes_of(corrected)
            content = self._content(patches)
        condition = torch.cat([self._angle(patches), content], 1)
        return corrected, self._painted("G_y", y, condition), content

    def _update_critic(
        self, letter: str, view: View, fakes: list[tuple[View, Tensor]], *, real: float
    ) -> dict[str, Tensor]:
        """``real`` weighs the real portraits: D_x meets them once for each kind of fake."""
        constant = [(v, image.detach()) for v, image in fakes]
        seen = [(view.image, view.patches), *[(i, v.eyes_of(i)) for v, i in constant]]
        ours, *theirs = logits_of(self.networks[letter], seen)
        adv = logistic_critic(ours, theirs) + (real - 1) * logistic_generator(ours)
        return self.update(letter, {f"{letter}/adv": adv})

    def _update_correction(self, x: View, painted: Tensor) -> dict[str, Tensor]:
        eyes, critic = x.eyes_of(painted), self.networks["D_x"]
        with frozen(critic):
            losses = {
                "G_x/adv": logistic_generator(*logits_of(critic, [(painted, eyes)])),
                "G_x/rec": window_l1(painted, x.image, self.task.window),
            }
            if self.perceptual:
                losses["G_x/per"] = self._perceptual_distance(x.patches, eyes)
            weights = {"G_x/rec": self.config.weight_rec, "G_x/per": self.config.weight_per}
            return self.update("G_x", losses, weights)

    def _update_animation(self, y: View, painted: Tensor, c_y: Tensor) -> dict[str, Tensor]:
        corrected, retold, c_corrected = self._retold(y, c_y)
        eyes, retold_eyes = y.eyes_of(painted), y.eyes_of(retold)
        d_x, d_y = self.networks["D_x"], self.networks["D_y"]
        with frozen(d_x, d_y):
            losses = {
                "G_y/adv": logistic_generator(*logits_of(d_y, [(painted, eyes)])),
                "G_y/adv_x": logistic_generator(*logits_of(d_x, [(retold, retold_eyes)])),
                "G_y/rec": window_l1(painted, y.image, self.task.window),
                "G_y/rec_x": window_l1(retold, corrected, self.task.window),
                "G_y/fp": (self._content(retold_eyes) - c_corrected).abs().mean()
                + (self._content(eyes) - c_y).abs().mean(),
            }
            if self.perceptual:
                losses["G_y/per"] = self._perceptual_distance(
                    y.patches, eyes
                ) + self._perceptual_distance(y.eyes_of(corrected), retold_eyes)
            return self.update("G_y", losses, self._weights())

    def _weights(self) -> dict[str, float]:
        config = self.config
        return {
            "G_y/rec": config.weight_rec,
            "G_y/rec_x": config.weight_rec,
            "G_y/fp": config.weight_fp,
            "G_y/per": config.weight_per,
        }

    def _perceptual_distance(self, real: Tensor, painted: Tensor) -> Tensor:
        """Of the left eyes plus that of the right eyes, patches (N, 2, 3, S, S)."""
        assert self.perceptual
        with self.autocast():
            return 2 * self.perceptual(real.flatten(0, 1), painted.flatten(0, 1))
