"""How a dataset is made of source faces: plan, build, merge, verify, make again.

It reads `sources` and finds faces by `landmarks`; what it writes is a `dataset`.
"""

from gazebench.curation.building import BuildReport, build
from gazebench.curation.planning import Plan, plan

__all__ = ["BuildReport", "Plan", "build", "plan"]
