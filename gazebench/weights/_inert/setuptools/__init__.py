"""Replaces setuptools while pip downloads an sdist, so that no ``setup.py`` is run."""
