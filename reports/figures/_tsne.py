"""t-SNE of codes, the same for the same codes, and how near in them what belongs together is."""

from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

Codes = NDArray[np.float64]  # (n, k)
PERPLEXITY, SEED = 30, 0
FEWEST = 5  # codes


def embed(codes: Codes) -> Codes:
    """Places (n, 2) of codes in [0, 1], one scale for both axes.

    Starts at the first two principal components. The perplexity is 30, or less where there are
    fewer than 91 codes.
    """
    if np.ptp(codes, axis=0).max(initial=0) == 0:  # all equal: there is nothing to lay out
        return np.full((len(codes), 2), 0.5)
    with threadpool_limits(1):  # sums in one order
        components = PCA(2, svd_solver="full").fit_transform(codes)
        start = components / max(components[:, 0].std(), 1e-12) * 1e-4
        tsne = TSNE(init=start, perplexity=perplexity(len(codes)), random_state=SEED)
        places = tsne.fit_transform(codes)
    low, high = places.min(0), places.max(0)
    return (places - (low + high) / 2) / max((high - low).max(), 1e-12) + 0.5


def perplexity(count: int) -> float:
    """Of ``count`` codes."""
    return min(PERPLEXITY, (count - 1) / 3)


def own_neighbours(codes: Codes, groups: NDArray[np.int64]) -> float:
    """Share of codes, in the space that they come from, whose nearest one is of their group."""
    with threadpool_limits(1):
        nearest = NearestNeighbors(n_neighbors=2).fit(codes).kneighbors(return_distance=False)
    return float((groups[nearest[:, 0]] == groups).mean())


def facts() -> dict[str, Any]:
    """What the places depend on besides the codes."""
    return {
        "start": "first two principal components, scaled to a deviation of 1e-4",
        "perplexity": PERPLEXITY,
        "seed": SEED,
        "scikit-learn": version("scikit-learn"),
        "numpy": version("numpy"),
    }
