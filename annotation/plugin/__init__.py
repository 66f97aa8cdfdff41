"""The plugin that FiftyOne loads; all of it is in the installed package."""

from gazebench.annotation.operators import register

__all__ = ["register"]
