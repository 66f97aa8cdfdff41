"""What a drawn person looks like: drawn once per identity, the same in all of its portraits.

Lengths are in inter-ocular distances (IOD), colours RGB in [0, 1].
"""

from dataclasses import dataclass

import numpy as np

from gazebench.synthetic.curves import Floats, ramp

_SKIN = np.array(
    [(244, 206, 180), (234, 190, 156), (219, 168, 130), (203, 148, 108), (163, 108, 73),
     (118, 77, 52), (84, 55, 40)]
) / 255  # fmt: skip
_HAIR = np.array(
    [(28, 24, 24), (52, 36, 28), (92, 62, 42), (128, 74, 44), (186, 146, 92), (222, 190, 134)]
) / 255  # fmt: skip
_GRAY = np.array([0.72, 0.72, 0.73])
_IRIS = np.array(
    [(70, 42, 24), (96, 62, 34), (122, 92, 48), (104, 116, 74), (96, 130, 150), (128, 146, 158)]
) / 255  # fmt: skip
_CLOTH = np.array(
    [(46, 54, 74), (232, 230, 224), (122, 40, 44), (60, 88, 72), (150, 150, 156), (36, 36, 40),
     (92, 120, 160), (196, 166, 110), (120, 84, 120)]
) / 255  # fmt: skip
_STYLES = ("short", "parted", "fringe", "bob", "long", "bun", "afro", "buzz", "bald")
_MASCULINE = np.array([0.30, 0.24, 0.08, 0.02, 0.05, 0.02, 0.08, 0.11, 0.10])  # how often
_FEMININE = np.array([0.06, 0.04, 0.10, 0.24, 0.34, 0.14, 0.08, 0.00, 0.00])


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Proportions of the head; 1 is the average."""

    width: float
    jaw: float
    chin: float  # height of the lower face
    forehead: float
    cheeks: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_height: float  # IOD up or down
    mouth_width: float
    lips: float  # fullness
    smile: float  # 0 to 1
    parted: float  # opening of the lips, IOD
    brow_height: float  # IOD up
    brow_slant: float
    eye_size: float
    eye_open: float
    eye_tilt: float  # IOD by which the outer corners stand higher
    ears: float


@dataclass(frozen=True, kw_only=True)
class Hair:
    """The style and its measures."""

    style: str
    color: Floats  # (3,)
    hairline: float  # height of its middle above the eyes, IOD
    volume: float
    sweep: float  # -1 to 1: to which side it falls
    curtain: float  # 0: cut straight above the brows, 1: parted and falling to both sides
    wave: float  # 0 to 1
    end: float  # how far below the eyes it reaches, IOD


@dataclass(frozen=True, kw_only=True)
class Worn:
    """Clothes and glasses."""

    glasses: str  # "" for none, "round", "square"
    glasses_color: Floats  # (3,)
    cloth: Floats  # (3,)
    collar: str  # "round", "v", "shirt"


@dataclass(frozen=True, kw_only=True)
class Look:
    """One person."""

    feminine: float  # 0 to 1
    age: float  # 0 to 1
    skin: Floats  # (3,)
    flush: float  # redness of the cheeks, 0 to 1
    shape: Shape
    hair: Hair
    brow_color: Floats  # (3,)
    brow_thickness: float
    iris: Floats  # (3,)
    makeup: float  # 0 to 1
    beard: float  # 0: none, 0.4: stubble, 1: full
    moustache: float
    worn: Worn
    details: int  # seed of what else is personal, such as single hairs


def draw_look(rng: np.random.Generator) -> Look:
    """A person; every part of the look is plausible with the others."""
    feminine, age, tone = float(ramp(rng.random(), 0.35, 0.65)), rng.beta(1.3, 1.6), rng.random()
    dark = float(ramp(tone, 0.35, 0.65))  # dark skin comes with dark hair and eyes
    hair = _draw_hair(rng, feminine, age, dark)
    is_bearded = feminine < 0.35 and rng.random() < 0.5
    return Look(
        feminine=feminine,
        age=age,
        skin=np.clip(pick(_SKIN, tone) * (1 + rng.normal(0, 0.02, 3)), 0, 1),
        flush=rng.uniform(0.2, 1),
        shape=_draw_shape(rng, feminine),
        hair=hair,
        brow_color=hair.color * 0.62,
        brow_thickness=rng.uniform(0.75, 1.15) * (1.15 - 0.4 * feminine),
        iris=pick(_IRIS, rng.random() * (1 - 0.75 * dark)),
        makeup=feminine * rng.random(),
        beard=rng.uniform(0.3, 1) if is_bearded else 0.0,
        moustache=rng.uniform(0.3, 1) if is_bearded else 0.0,
        worn=_draw_worn(rng),
        details=int(rng.integers(1 << 31)),
    )


def pick(colors: Floats, place: float) -> Floats:
    """The colour at ``place`` in [0, 1] along a row of colours (K, 3)."""
    at = np.linspace(0, 1, len(colors))
    return np.array([np.interp(place, at, channel) for channel in colors.T])


def _near(rng: np.random.Generator, middle: float, spread: float) -> float:
    """A normal draw that stays within two and a half spreads."""
    return middle + spread * float(np.clip(rng.standard_normal(), -2.5, 2.5))


def _draw_shape(rng: np.random.Generator, feminine: float) -> Shape:
    smile = max(0.0, rng.uniform(-0.3, 1))
    return Shape(
        width=_near(rng, 1, 0.03),
        jaw=_near(rng, 1.03 - 0.09 * feminine, 0.04),
        chin=_near(rng, 1.02 - 0.05 * feminine, 0.03),
        forehead=_near(rng, 1, 0.04),
        cheeks=rng.uniform(0.4, 1.4),
        nose_length=_near(rng, 1, 0.04),
        nose_width=_near(rng, 1.06 - 0.12 * feminine, 0.08),
        nose_height=rng.uniform(0.8, 1.2),
        mouth_height=_near(rng, 0, 0.03),
        mouth_width=_near(rng, 1, 0.06),
        lips=rng.uniform(0.75, 1.1) + 0.25 * feminine,
        smile=smile,
        parted=max(0.0, rng.uniform(-0.09, 0.05)) * (0.4 + smile),
        brow_height=_near(rng, 0.03 * feminine, 0.03),
        brow_slant=_near(rng, 0, 0.03),
        eye_size=rng.uniform(0.98, 1.12) + 0.05 * feminine,
        eye_open=rng.uniform(0.92, 1.15),
        eye_tilt=_near(rng, 0.01, 0.012),
        ears=rng.uniform(0.85, 1.15),
    )


def _draw_hair(rng: np.random.Generator, feminine: float, age: float, dark: float) -> Hair:
    style = str(rng.choice(_STYLES, p=_FEMININE if feminine > 0.4 else _MASCULINE))
    color = pick(_HAIR, rng.random() ** 1.3 * (1 - 0.85 * dark))
    gray = float(ramp(age + rng.normal(0, 0.15), 0.5, 1))
    line = {"fringe": 0.62, "buzz": 1.02, "bald": 1.6, "afro": 0.95}.get(style, 0.98)
    recedes = 0.22 * age * (1 - feminine) * (style != "fringe")
    return Hair(
        style=style,
        color=color + (_GRAY - color) * gray,
        hairline=line + rng.uniform(-0.06, 0.06) + recedes,
        volume=rng.uniform(0.8, 1.25),
        sweep=float(rng.choice([-1, 1])) * rng.uniform(0.3, 1),
        curtain=float(style in ("bob", "long") and rng.random() < 0.7),
        wave=rng.random(),
        end={"bob": rng.uniform(1.2, 1.9), "long": rng.uniform(2.4, 3.4)}.get(style, 0.15),
    )


def _draw_worn(rng: np.random.Generator) -> Worn:
    return Worn(
        glasses=str(rng.choice(["", "round", "square"], p=[0.82, 0.08, 0.10])),
        glasses_color=rng.uniform(0.05, 0.3) * np.array([1, rng.uniform(0.6, 1), 0.6]),
        cloth=np.clip(_CLOTH[rng.integers(len(_CLOTH))] * rng.uniform(0.8, 1.15), 0, 1),
        collar=str(rng.choice(["round", "v", "shirt"])),
    )
