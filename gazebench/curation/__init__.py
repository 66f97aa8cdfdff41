"""How a dataset is made of source faces: plan, build, merge, verify, recreate.

It uses `sources`, `landmarks`, `exports` (to recreate one) and `dataset_card`; what it writes is a
`dataset`. The modules ``merge`` and ``verify`` are one command each, and ``recreate`` is
``build-dataset --from-export``. The names below are imported when first asked for: a worker needs
only what makes portraits.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gazebench.curation import recreate as recreate
    from gazebench.curation.building import BuildReport, build
    from gazebench.curation.planning import BuildPlan, plan
    from gazebench.curation.settings import DatasetSettings

_HOMES = {
    "BuildPlan": "planning",
    "BuildReport": "building",
    "DatasetSettings": "settings",
    "build": "building",
    "plan": "planning",
}
__all__ = ["BuildPlan", "BuildReport", "DatasetSettings", "build", "plan"]


def __getattr__(name: str) -> Any:
    if name == "recreate":  # the module
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
