"""How a dataset is made of source faces: plan, build, merge, verify, recreate.

It uses `sources`, `landmarks`, `exports` (to recreate one) and `dataset_card`; what it writes is a
`dataset`. The modules ``merge``, ``verify`` and ``recreate`` are one command each.
"""

from gazebench.curation.building import BuildReport, build
from gazebench.curation.planning import BuildPlan, plan
from gazebench.curation.settings import DatasetSettings

__all__ = ["BuildPlan", "BuildReport", "DatasetSettings", "build", "plan"]
