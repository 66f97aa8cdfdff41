"""One drawn portrait: a pure function of a seed and a number."""

import io
from functools import cached_property

import numpy as np
from PIL import Image

from gazebench.dataset import Domain
from gazebench.dataset.boxes import Point, mean_point
from gazebench.synthetic import backdrop, beard, body, eyes, face, glasses, hair
from gazebench.synthetic.canvas import Canvas
from gazebench.synthetic.look import draw_look
from gazebench.synthetic.pose import draw_pose
from gazebench.synthetic.scene import Easel, Scene
from gazebench.synthetic.truth import Truth

PER_IDENTITY = 4  # portraits of one person, half of them in each domain
_LOOK, _DOMAINS, _POSE, _CAMERA = range(4)  # streams of random numbers


class DrawnPortrait:
    """The portrait ``index`` of a seed, ``size`` pixels wide and high (an even number)."""

    def __init__(self, seed: int, index: int, size: int) -> None:
        self.size = size
        self._seed, self._index = seed, index

    @cached_property
    def domain(self) -> Domain:
        """The domain its gaze belongs to."""
        person, place = divmod(self._index, PER_IDENTITY)
        domains = [Domain.CAMERA, Domain.AWAY] * (PER_IDENTITY // 2)
        return Domain(
            np.random.default_rng([self._seed, _DOMAINS, person]).permutation(domains)[place]
        )

    @cached_property
    def scene(self) -> Scene:
        """What is painted."""
        person = self._index // PER_IDENTITY
        look = draw_look(np.random.default_rng([self._seed, _LOOK, person]))
        pose = draw_pose(np.random.default_rng([self._seed, _POSE, self._index]), self.domain)
        return Scene(look, pose)

    @property
    def truth(self) -> Truth:
        """What is true of it."""
        pose = self.scene.pose
        landmarks = [Point(x, y) for x, y in (self.scene.landmarks * self.size - 0.5).tolist()]
        return Truth(
            name=file_name(self._index),
            identity=f"person-{self._index // PER_IDENTITY:04d}",
            eyes=(mean_point(landmarks[36:42]), mean_point(landmarks[42:48])),
            head_deg=pose.head_deg,
            gaze_deg=pose.gaze_deg,
            domain=self.domain,
            landmarks=tuple(landmarks),
        )

    def paint(self) -> Image.Image:
        """The picture."""
        rng = np.random.default_rng([self._seed, _CAMERA, self._index])
        return paint(self.scene, self.size, rng)

    def png(self) -> bytes:
        """The picture as a file."""
        buffer = io.BytesIO()
        self.paint().save(buffer, "PNG", compress_level=3)  # grain does not get smaller at 6
        return buffer.getvalue()


def file_name(index: int) -> str:
    """Name of the file of a portrait."""
    return f"drawn-{index:05d}.png"


def paint(scene: Scene, size: int, rng: np.random.Generator) -> Image.Image:
    """A scene as a picture of ``size`` pixels; ``rng`` gives the backdrop and the grain."""
    easel = Easel(scene, Canvas(2 * size), small=size // 2)
    backdrop.paint_backdrop(easel.canvas, rng)
    shell = hair.Shell(easel)
    hair.paint_back(easel, shell)
    depth = body.paint_body(easel)
    depth = np.maximum(depth, body.paint_head(easel))
    face.paint_face(easel)
    beard.paint_beard(easel)
    eyes.paint_eyes(easel)
    glasses.paint_glasses(easel)
    hair.paint_front(easel, shell, depth)
    return backdrop.finished(easel.canvas, size, rng)
