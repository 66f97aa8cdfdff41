"""Sanitises untrusted text: no private path, no control character.

Every name, note and reason in a ``scores.json`` is somebody's text.
"""

import re
import unicodedata
from typing import Any

# a quoted path may hold spaces; "https://host/x", "1/s", "./x" and "</b>" are no such paths
_START = r"(?:file://)?(?:/|[A-Za-z]:[\\/]|\\\\)(?=[^\s\\/])"
_QUOTED = re.compile(rf"(?<=['\"]){_START}([^'\"]*)(?=['\"])")
_PATH = re.compile(rf"(?<![\w./~…])(?!(?<=<)/\w+>){_START}((?:\\ |[^\s'\",;)\]])*)")
_NOT_HAD = re.compile(r"(weights \S+ \([^()]*\) cannot be (?:obtained|had)):.*")


def published(value: Any) -> Any:
    """The same JSON value with ``public_text`` applied to every text and key in it."""
    if isinstance(value, str):
        return public_text(value)
    if isinstance(value, dict):
        return {published(key): published(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [published(item) for item in value]
    return value


def public_text(text: str) -> str:
    """One line of visible characters; of an absolute path only its last part, "…/runs".

    Of weights that could not be had only that: why is a matter of the machine.
    """
    line = _NOT_HAD.sub(r"\1", "".join(map(_visible, text)))
    return _PATH.sub(_last_part, _QUOTED.sub(_last_part, line))


def _visible(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category in ("Cf", "Co", "Cn"):
        return ""  # invisible, and the bidirectional ones reorder what stands around them
    return "\ufffd" if category == "Cs" else letter


def _last_part(match: re.Match[str]) -> str:
    return "…/" + re.split(r"/|\\(?! )", match.group(1).rstrip("\\/"))[-1]
