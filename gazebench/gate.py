"""Which requests a local server answers: only those meant for it, from its own pages."""

from collections.abc import Collection, Mapping

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def is_for_us(headers: Mapping[str, str], hosts: Collection[str]) -> bool:
    """Whether a request has a Host of ``hosts`` (names without port) and no foreign Origin.

    A request that another site caused is let through only where somebody follows a link.
    ``headers`` have names in lower case.
    """
    host = headers.get("host", "")
    if _name(host) not in hosts:
        return False
    if (origin := headers.get("origin")) is not None:
        return origin in (f"http://{host}", f"https://{host}")
    followed = headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") != "cross-site" or followed


def _name(host: str) -> str:
    """A Host header without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host
