"""GazeGANV2: correction and animation of the gaze at half size, then made fine: GCM, GAM and CFM.

Paper: Zhang et al., "Unsupervised high-resolution portrait gaze correction and animation", IEEE TIP
2022, arXiv 2207.00256. Its code was never published. This follows the paper; where it does not say,
the code released with GazeGAN, and the layers' sizes are those that give the parameter counts of
its tables I and VI to the printed digit.

Choices of ours: the order of updates (the three critics, then all generators in one backward pass
over one forward pass), the layers of G_h, bilinear upsampling, the number of steps, and mirrored
portraits as in GazeGAN's code. Preset ``paper`` has the printed losses, ``repro`` the perceptual
loss of GazeGAN besides: the printed count of parameters holds VGG-16, so it was there; its weight
is set by equal gradients, see ``_losses``. A training may begin with ``warm_up_steps`` by the
reconstructions alone (equations 8 and 9): the generators then turn the gaze before any critic.

Ablations of the paper are settings: A ``content_code = false``, B ``synthesis_as_training =
false``, C ``weight_fp = 0``, D ``coarse_to_fine = false``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import Optimizer

from gazebench.baselines._cfm import (
    EyeDiscriminator,
    Fine,
    Painted,
    Refiner,
    Scene,
    crop_size,
)
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
    halved,
    init_he,
    joined,
    logits_of,
    pam_part,
    seen,
    warm_up,
    with_preset,
)
from gazebench.baselines._layers import adam, constant_then_linear, frozen, shortened
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

PRESETS: dict[str, dict[str, Any]] = {"paper": {"weight_per": 0.0}, "repro": {"weight_per": WEIGHT}}
GENERATORS, RECONSTRUCTION = ("G_x", "G_y"), ("rec", "rec_h")  # of the losses' names
LETTERS = ("G_x", "G_y", "E_r", "E_c")  # the networks that Table VI counts besides the up-sampler


class GazeGANV2Config(Settings):
    """Settings; the defaults are the paper's where it has them."""

    preset: Literal["paper", "repro"] = "repro"
    steps: int = Field(default=200_000, ge=1)
    batch: int = Field(default=16, ge=1, description="portraits per domain; 8 at 512")
    code: int = Field(default=128, ge=1, description="numbers of c per eye")
    angle: int = Field(default=128, ge=1, description="numbers of r: per eye, or in all")
    joint_angle: bool = Field(
        default=False, description="E_r sees both eyes at once: r of 128 numbers, as printed"
    )
    divisor: int = Field(
        default=4, ge=1, description="side of square patches: the portrait's by this"
    )
    pam_shrink: Literal[1, 2] | None = Field(
        default=None, description="of the PAM that E_c comes from; None: the generators'"
    )
    width: int = Field(default=16, ge=1, description="channels after the first layer")
    upsampling: Literal["bilinear", "nearest"] = Field(
        default="bilinear", description="u of equations 1 and 2"
    )
    content_code: bool = Field(default=True, description="ablation A takes it away")
    synthesis_as_training: bool = Field(default=True, description="ablation B takes it away")
    coarse_to_fine: bool = Field(default=True, description="CFM; ablation D takes it away")
    flip: bool = True
    lr: float = Field(default=1e-4, gt=0)
    lr_refiner: float = Field(default=4e-4, gt=0, description="of G_h")
    lr_critic: float | None = Field(default=None, gt=0, description="of D_x, D_y and D_h; None: lr")
    betas: tuple[float, float] = (0.5, 0.999)
    warm_up_steps: int = Field(
        default=0, ge=0, description="first ones, by L1 alone, a fifth at most; none in the paper"
    )
    constant_steps: int = Field(
        default=20_000, ge=0, description="a tenth at most; then they fall to 0"
    )
    weight_rec: float = Field(default=1.0, ge=0, description="lambda 1 and 3")
    weight_rec_x: float = Field(default=1.0, ge=0, description="lambda 4")
    weight_adv_x: float = Field(default=1.0, ge=0, description="lambda 2")
    weight_fp: float = Field(default=0.1, ge=0, description="lambda 5; 0 is ablation C")
    weight_per: float = Field(
        default=WEIGHT, ge=0, description="100 in GazeGAN's code, for other weights"
    )
    interpolate_content: bool = Field(
        default=False, description="an animation's c goes along with r"
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        return with_preset(values, PRESETS, "repro")


class GazeGANV2(TrainableMethod):
    """GazeGANV2: gaze correction, gaze animation and the coarse-to-fine module."""

    card = MethodCard(
        title="GazeGANV2",
        paper="Zhang et al., Unsupervised high-resolution portrait gaze correction and animation, "
        "IEEE TIP 2022",
        year=2022,
        url="https://arxiv.org/abs/2207.00256",
        data="https://github.com/zhangqianhui/GazeAnimationV2",
        supervision="unpaired X/Y",
        differs="no code was published: layers follow GazeGAN's and the printed parameter counts, "
        "those of G_h are ours; perceptual loss as in GazeGAN (preset repro), with "
        "torchvision's VGG-16 and so a weight of 0.05 in place of 100; G_h starts at zero",
        keeps_outside=True,
    )
    small_settings: ClassVar = {
        "preset": "paper",
        "batch": 1,
        "width": 2,
        "code": 8,
        "angle": 8,
        "divisor": 8,
    }
    Config = GazeGANV2Config

    inference_networks: tuple[str, ...]
    config: GazeGANV2Config

    def __init__(self, config: GazeGANV2Config, task: Task) -> None:
        unit, least = 32 * max(config.divisor, shrink_of(config)), 64 * shrink_of(config)
        if task.resolution % unit or task.resolution < least:
            raise MethodError(
                f"GazeGANV2 with divisor = {config.divisor} needs portraits whose side is a "
                f"multiple of {unit} and at least {least}, these have {task.resolution}"
            )
        super().__init__(config, task)
        self.side = task.resolution // config.divisor
        self.perceptual: Perceptual | None = None
        self.networks = networks_of(config, task)
        wanted = ("E_c", "E_r", "G_x", "G_y", "G_h")
        self.inference_networks = tuple(n for n in wanted if n in self.networks)
        self.optimisers = optimisers_of(config, self.networks)

    @classmethod
    def parts(cls, config: GazeGANV2Config, task: Task) -> Mapping[str, Part]:
        """E_c, from PAM, unless ablated."""
        if not config.content_code:
            return {}
        shrink, width = config.pam_shrink or shrink_of(config), config.width
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
        """y^x made fine; every pixel outside the eye boxes is the source's."""
        scene = self._scene(batch)
        return self._whole(batch, scene, self._painted(scene, "G_x", scene.content))

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        """G_y, from alpha 0, the portrait's own code r, to 1, its correction's, made fine.

        (N, A, 3, H, W); any alpha, outside 0 to 1 it extrapolates.
        """
        scene = self._scene(batch)
        corrected = self._corrected(scene)
        angles = self._angle(scene.view.patches), self._angle(corrected.eyes)
        end = self._content(corrected.eyes) if self.config.interpolate_content else scene.content
        images = []
        for alpha in alphas:
            condition = [between(*angles, alpha), between(scene.content, end, alpha)]
            painted = self._painted(scene, "G_y", torch.cat(condition, 1))
            images.append(self._whole(batch, scene, painted))
        return torch.stack(images, 1)

    def codes(self, batch: Batch, alphas: Sequence[float]) -> Mapping[str, Tensor]:
        """R from alpha 0, the portrait's, to 1, its correction's; c of y and of y with a tilde."""
        scene = self._scene(batch)
        angles = self._angle(scene.view.patches), self._angle(self._corrected(scene).eyes)
        made = self._painted(scene, "G_y", torch.cat([angles[0], scene.content], 1))
        return {
            "r": torch.stack([between(*angles, alpha) for alpha in alphas], 1),
            "c": scene.content,
            "c_made": self._content(made.eyes),
        }

    def pictures(self, batch: Batch) -> Tensor:
        """Both eyes at each of ``ALPHAS``: the gaze moves to its correction, (N, 5, 3, h, 2w)."""
        return eye_strips(self.animate(batch, ALPHAS), batch.eyes)

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update of every network, on one draw: the critics, then the generators."""
        x, y = (self._scene(batch) for batch in flipped_together(draw, self.config.flip))
        painted_x = self._painted(x, "G_x", x.content)
        condition = torch.cat([self._angle(y.view.patches), y.content], 1)
        painted_y = self._painted(y, "G_y", condition)
        generators = [letter for letter in self.optimisers if letter[0] == "G"]
        if draw.step < warm_up(self.config, self.config.steps):
            ours = self._reconstruction("G_x", x, painted_x)
            ours |= self._reconstruction("G_y", y, painted_y)
            return self.update(generators, ours, self._weights())
        again = self._retold(y) if self.config.synthesis_as_training else None
        losses = self._update_critics(x, y, painted_x, painted_y, again[2] if again else None)
        discriminators = [n for letter, n in self.networks.items() if letter[0] == "D"]
        with frozen(*discriminators):
            ours = self._correction_losses(x, painted_x)
            ours |= self._animation_losses(y, painted_y)
            if again:
                ours |= self._retold_losses(*again)
            return losses | self.update(generators, ours, self._weights())

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for ``constant_steps``, at most a tenth of all, then falling straight to 0."""
        return constant_then_linear(step, steps, shortened(self.config.constant_steps, steps))

    def schedule(self, step: int, steps: int) -> tuple[float, ...]:
        """The learning rate's factor, and whether ``step`` is of the warm-up."""
        return *super().schedule(step, steps), float(step < warm_up(self.config, steps))

    def typical_step(self) -> int:
        """The first after the warm-up."""
        return warm_up(self.config, self.config.steps)

    def _scene(self, batch: Batch) -> Scene:
        view = View.of(*seen(batch, shrink_of(self.config)), self.side)
        fine = None
        if self.config.coarse_to_fine:
            fine = Fine.of(batch, self.task, self.config.upsampling)
        return Scene(view, fine, self._content(view.patches))

    def _content(self, patches: Tensor) -> Tensor:
        if not self.config.content_code:
            return patches.new_zeros(len(patches), 0)
        return code_of(self.networks["E_c"], patches)

    def _angle(self, patches: Tensor) -> Tensor:
        return code_of(self.networks["E_r"], patches, joint=self.config.joint_angle)

    def _painted(self, scene: Scene, letter: str, condition: Tensor) -> Painted:
        view, fine = scene.view, scene.fine
        image = self.networks[letter](view.masked, view.mask, condition)
        crops = fine.refined(self.networks["G_h"], image) if fine else None
        return Painted(image, view.eyes_of(image), crops)

    def _whole(self, batch: Batch, scene: Scene, painted: Painted) -> Tensor:
        """The painted eyes in the portraits, (N, 3, H, W)."""
        if scene.fine is None or painted.crops is None:
            return torch.where(batch.mask > 0, painted.image, batch.image)
        return scene.fine.pasted(painted.crops)

    def _corrected(self, y: Scene) -> Painted:
        """y^x, as a constant; with CFM it is the fine correction at half size (section III-C)."""
        with torch.no_grad():
            painted = self._painted(y, "G_x", y.content)
            if y.fine is None or painted.crops is None:
                return painted
            pasted = y.fine.pasted(painted.crops)
            image = halved(pasted)
            # around an eye box the target is the portrait, not what G_h made of it
            return Painted(image, y.view.eyes_of(image), y.fine.eyes_of(pasted))

    def _retold(self, y: Scene) -> tuple[Painted, Tensor, Painted]:
        """Synthesis-As-Training (equation 6): y^x, its c, and what G_y makes of its eyes' codes."""
        target = self._corrected(y)
        content = self._content(target.eyes)
        condition = torch.cat([self._angle(target.eyes), content], 1)
        return target, content, self._painted(y, "G_y", condition)

    def _update_critics(
        self, x: Scene, y: Scene, x_made: Painted, y_made: Painted, retold: Painted | None
    ) -> dict[str, Tensor]:
        """One update each of D_x (equation 11), D_y (12) and D_h (13)."""
        x_made, y_made = x_made.detach(), y_made.detach()
        fakes_x = [x_made, retold.detach()] if retold else [x_made]
        losses = self._update_critic("D_x", x.view, fakes_x)
        losses |= self._update_critic("D_y", y.view, [y_made])
        if not (x.fine and y.fine and x_made.crops is not None and y_made.crops is not None):
            return losses
        kinds = [x.fine.eyes_of(x.fine.image), y.fine.eyes_of(y.fine.image)]
        judged = self._judged_fine([*kinds, x_made.crops, y_made.crops])
        adv = logistic_critic(judged[0], [judged[2]]) + logistic_critic(judged[1], [judged[3]])
        return losses | self.update("D_h", {"D_h/adv": adv})

    def _update_critic(self, letter: str, view: View, fakes: list[Painted]) -> dict[str, Tensor]:
        seen_by_it = [(view.image, view.patches), *[(f.image, f.eyes) for f in fakes]]
        real, *others = logits_of(self.networks[letter], seen_by_it)
        losses = {f"{letter}/adv": logistic_critic(real, others)}
        return self.update(letter, losses)

    def _judged_fine(self, crops: Sequence[Tensor]) -> list[Tensor]:
        """Logits of D_h for several kinds of crops (N, 2, 3, h, w)."""
        size = (self.side, self.side)
        patches = F.interpolate(joined(torch.cat(list(crops))), size, mode="bilinear")
        logits: Tensor = self.networks["D_h"](patches)
        return list(logits.split([len(crop) for crop in crops]))

    def _correction_losses(self, x: Scene, made: Painted) -> dict[str, Tensor]:
        """Equation 15."""
        (logits,) = logits_of(self.networks["D_x"], [(made.image, made.eyes)])
        losses = {"G_x/adv": logistic_generator(logits)}
        losses |= self._told_apart("G_x", x, made)
        return losses | self._perceptual_loss("G_x/per", x.view.patches, made.eyes)

    def _animation_losses(self, y: Scene, made: Painted) -> dict[str, Tensor]:
        """Equation 16 but for what Synthesis-As-Training adds."""
        (logits,) = logits_of(self.networks["D_y"], [(made.image, made.eyes)])
        losses = {"G_y/adv": logistic_generator(logits)}
        losses |= self._told_apart("G_y", y, made)
        losses |= self._content_loss("G_y/fp", y.content, made.eyes)
        return losses | self._perceptual_loss("G_y/per", y.view.patches, made.eyes)

    def _retold_losses(self, target: Painted, content: Tensor, made: Painted) -> dict[str, Tensor]:
        """What Synthesis-As-Training adds to equation 16."""
        (logits,) = logits_of(self.networks["D_x"], [(made.image, made.eyes)])
        losses = {"G_y/adv_x": logistic_generator(logits)}
        losses |= self._distances("G_y", "_x", target.image, target.crops, made)
        losses |= self._content_loss("G_y/fp_x", content, made.eyes)
        return losses | self._perceptual_loss("G_y/per_x", target.eyes, made.eyes)

    def _told_apart(self, letter: str, scene: Scene, made: Painted) -> dict[str, Tensor]:
        """Distance of a reconstruction, and how well D_h tells it from the real thing."""
        losses = self._reconstruction(letter, scene, made)
        if scene.fine is None or made.crops is None:
            return losses
        return {f"{letter}/adv_h": logistic_generator(*self._judged_fine([made.crops]))} | losses

    def _reconstruction(self, letter: str, scene: Scene, made: Painted) -> dict[str, Tensor]:
        """Equation 8 or 9: how far the painted portrait and eyes are from their own."""
        real = scene.fine.eyes_of(scene.fine.image) if scene.fine else None
        return self._distances(letter, "", scene.view.image, real, made)

    def _distances(
        self, letter: str, ending: str, image: Tensor, crops: Tensor | None, made: Painted
    ) -> dict[str, Tensor]:
        """Equations 8, 9 and 10: at the size of the generators, and of the crops in full."""
        height, width = self.task.window
        shrink = shrink_of(self.config)
        window = height // shrink, width // shrink
        losses = {f"{letter}/rec{ending}": window_l1(made.image, image, window)}
        if crops is not None and made.crops is not None:
            size = crop_size(self.task)
            losses[f"{letter}/rec_h{ending}"] = window_l1(made.crops, crops, size)
        return losses

    def _content_loss(self, name: str, content: Tensor, eyes: Tensor) -> dict[str, Tensor]:
        """One term of equation 14."""
        if not (self.config.content_code and self.config.weight_fp):
            return {}
        return {name: (self._content(eyes) - content).abs().mean()}

    def _perceptual_loss(self, name: str, real: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Of the left eyes plus that of the right eyes, patches (N, 2, 3, S, S)."""
        if self.perceptual is None:
            return {}
        with self.autocast():
            return {name: 2 * self.perceptual(real.flatten(0, 1), made.flatten(0, 1))}

    def _weights(self) -> dict[str, float]:
        config = self.config
        return {
            **{f"{letter}/{n}": config.weight_rec for letter in GENERATORS for n in RECONSTRUCTION},
            **{f"G_y/{n}_x": config.weight_rec_x for n in RECONSTRUCTION},
            **{f"G_y/fp{ending}": config.weight_fp for ending in ("", "_x")},
            **dict.fromkeys(("G_x/per", "G_y/per", "G_y/per_x"), config.weight_per),
            "G_y/adv_x": config.weight_adv_x,
        }


def shrink_of(config: GazeGANV2Config) -> Literal[1, 2]:
    """What the portraits' side is divided by for the generators."""
    return 2 if config.coarse_to_fine else 1


def networks_of(config: GazeGANV2Config, task: Task) -> dict[str, nn.Module]:
    """All networks by the paper's letters; an ablation leaves out those that it has no use for."""
    resolution, w = task.resolution // shrink_of(config), config.width
    side = task.resolution // config.divisor
    content = 2 * config.code if config.content_code else 0
    angle = config.angle if config.joint_angle else 2 * config.angle
    found: dict[str, nn.Module] = {
        "E_r": angle_encoder(w, side, config.angle, joint=config.joint_angle),
        "G_x": Inpainter(resolution, content, w),
        "G_y": Inpainter(resolution, angle + content, w),
    }
    if config.content_code:
        encoder = PatchEncoder(3, (w, 2 * w, 4 * w, 8 * w), side, config.code, leaky=True)
        found["E_c"] = encoder.requires_grad_(False)
    if config.coarse_to_fine:
        found["G_h"] = Refiner(w)
    for network in found.values():
        init_he(network)
        if isinstance(network, Refiner):
            network.start_at_zero()
    found |= {letter: Discriminator(resolution, side, w) for letter in ("D_x", "D_y")}
    return found | ({"D_h": EyeDiscriminator(side, w)} if config.coarse_to_fine else {})


def optimisers_of(
    config: GazeGANV2Config, networks: Mapping[str, nn.Module]
) -> dict[str, Optimizer]:
    """Adam for each network that learns; E_r is in that of G_y."""
    groups = {name: n for name, n in networks.items() if name not in ("E_c", "E_r")}
    groups["G_y"] = nn.ModuleList([networks["G_y"], networks["E_r"]])
    rates = {"G": config.lr, "D": config.lr_critic or config.lr}
    return {
        name: adam(network, config.lr_refiner if name == "G_h" else rates[name[0]], config.betas)
        for name, network in groups.items()
    }


def reconstruct(method: TrainableMethod, batch: Batch) -> Tensor:
    """What G_y makes of masked portraits of Y and their own codes r and c, (N, 3, H/2, W/2).

    ``method`` is a trained GazeGANV2 with CFM.
    """
    model: Any = method
    view = View.of(*seen(batch, 2), model.side)
    codes = [code_of(model.networks["E_r"], view.patches, joint=model.config.joint_angle)]
    if model.config.content_code:
        codes.append(code_of(model.networks["E_c"], view.patches))
    return model.networks["G_y"](view.masked, view.mask, torch.cat(codes, 1))
