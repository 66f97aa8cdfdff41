"""Imported once by the server that workers are forked from: they share one loaded model.

What fails here fails again in the worker, where it is reported.
"""

import contextlib

from gazebench.landmarks import dlib

with contextlib.suppress(Exception):
    dlib.models()
