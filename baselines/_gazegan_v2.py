"""GazeGANV2's settings, and its networks and optimisers by them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator
from torch import nn
from torch.optim import Optimizer

from gazebench.baselines._blocks import adam
from gazebench.baselines._gaze_networks import (
    Discriminator,
    EyeDiscriminator,
    Inpainter,
    PatchEncoder,
    Refiner,
    init_he,
)
from gazebench.baselines._inpainting import angle_encoder, with_preset
from gazebench.baselines._perceptual import WEIGHT
from gazebench.config import Settings
from gazebench.methods import Task

PRESETS: dict[str, dict[str, Any]] = {"paper": {"weight_per": 0.0}, "repro": {"weight_per": WEIGHT}}


class GazeGANV2Config(Settings):
    """Settings; the defaults are the paper's where it has them."""

    preset: Literal["paper", "repro"] = "repro"
    steps: int = Field(default=200_000, ge=1)
    batch: int = Field(default=16, ge=1)  # portraits per domain; 8 at 512
    code: int = Field(default=128, ge=1)  # numbers of c per eye
    angle: int = Field(default=128, ge=1)  # numbers of r: per eye, or in all
    joint_angle: bool = False  # E_r sees both eyes at once: r of 128 numbers, as printed
    divisor: int = Field(default=4, ge=1)  # side of square patches: the portrait's by this
    width: int = Field(default=16, ge=1)  # channels after the first layer
    upsampling: Literal["bilinear", "nearest"] = "bilinear"  # u of equations 1 and 2
    content_code: bool = True  # ablation A takes it away
    synthesis_as_training: bool = True  # ablation B takes it away
    coarse_to_fine: bool = True  # CFM; ablation D takes it away
    flip: bool = True
    lr: float = Field(default=1e-4, gt=0)
    lr_refiner: float = Field(default=4e-4, gt=0)  # of G_h
    betas: tuple[float, float] = (0.5, 0.999)
    warm_up_steps: int = Field(default=0, ge=0)  # first ones, by L1 alone; none in the paper
    lr_warm_up: float = Field(default=1e-3, gt=0)
    constant_steps: int = Field(default=20_000, ge=0)  # a tenth at most; then they fall to 0
    weight_rec: float = Field(default=1.0, ge=0)  # lambda 1 and 3
    weight_rec_x: float = Field(default=1.0, ge=0)  # lambda 4
    weight_adv_x: float = Field(default=1.0, ge=0)  # lambda 2
    weight_fp: float = Field(default=0.1, ge=0)  # lambda 5; 0 is ablation C
    weight_per: float = Field(default=WEIGHT, ge=0)  # 100 in GazeGAN's code, for other weights
    interpolate_content: bool = False  # an animation's c goes along with r

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        return with_preset(values, PRESETS, "repro")


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
    return {
        name: adam(network, config.lr_refiner if name == "G_h" else config.lr, config.betas)
        for name, network in groups.items()
    }
