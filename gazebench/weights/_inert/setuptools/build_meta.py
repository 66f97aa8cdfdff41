"""A build backend that only reads: an sdist's metadata is the PKG-INFO file that it carries.

`pip download` asks an sdist for its name and version through the build backend, and the real
setuptools would run the sdist's own ``setup.py`` for that. Both functions here are hooks of
PEP 517; pip gives the folder, which is its own temporary one.
"""

import email
import sys
from pathlib import Path
from typing import Any

from gazebench import store

__legacy__ = sys.modules[__name__]  # the name that pip asks for where there is no pyproject.toml


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Nothing is needed."""
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    """Hand out PKG-INFO as it is; returns the name of the ``.dist-info`` folder."""
    text = Path("PKG-INFO").read_bytes()
    facts = email.message_from_bytes(text)
    name = f"{facts['Name'].replace('-', '_')}-{facts['Version']}.dist-info"
    store.write(Path(metadata_directory, name, "METADATA"), text)
    return name
