"""Irises, lids and head of a portrait, found by two small networks and a search for circles.

It uses `weights` and the points of `dataset`. The networks are MediaPipe's face mesh and iris
network (``gazebench weights list``), fetched at the first use. Everything is in pixels of the
picture: (0, 0) is the centre of the top left pixel.
"""

from gazebench.irises._eyes import CLOSED, Eye, EyePair, Head
from gazebench.irises._finding import find_eyes, find_mesh
from gazebench.irises._head import head_of, mean_head

__all__ = ["CLOSED", "Eye", "EyePair", "Head", "find_eyes", "find_mesh", "head_of", "mean_head"]
