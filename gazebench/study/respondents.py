"""Who answers: a random name and a code that only this study's key can make. Nothing personal."""

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
from pathlib import Path

from gazebench import store
from gazebench.errors import InputError

KEY = "key"  # file in the study's folder, readable by its owner alone
_LETTERS = 10  # of a name, and of its seal: 50 bits each
_TOKEN = re.compile(rf"[a-z2-7]{{{2 * _LETTERS}}}")


class Keyring:
    """Makes and checks what the study's secret key vouches for."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def create(cls, study: Path) -> None:
        """Make the key of a new study; one that is there stays.

        Raises:
            DiskError: no space or not writable.
        """
        if not (study / KEY).exists():
            store.write_private(study / KEY, secrets.token_hex(32))

    @classmethod
    def is_one(cls, study: Path) -> bool:
        """Whether the file that is called as a key is one that ``create`` made."""
        with contextlib.suppress(OSError):
            return bool(re.fullmatch(rb"[0-9a-f]{64}", (study / KEY).read_bytes()))
        return False

    @classmethod
    def of(cls, study: Path) -> "Keyring":
        """The keyring of a study.

        Raises:
            InputError: the key is not there, or cannot be read.
        """
        path = study / KEY
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror}); put it back, for without it nobody "
                "who began can come back"
            ) from None

    def new_token(self, random: bytes = b"") -> str:
        """A token of a new respondent, named by seven bytes; by default those of the system."""
        return self.token(_text(random or secrets.token_bytes(7)))

    def token(self, respondent: str) -> str:
        """The respondent's name and its seal."""
        return respondent + self.seal("respondent", respondent)

    def respondent(self, token: str) -> str | None:
        """Whose token it is; None where it is not of this study. Spaces and dashes do not count."""
        plain = re.sub(r"[\s-]", "", token).lower()
        if not _TOKEN.fullmatch(plain):
            return None
        name, seal = plain[:_LETTERS], plain[_LETTERS:]
        right = self.seal("respondent", name)
        return name if hmac.compare_digest(seal, right) else None

    def seal(self, purpose: str, text: str) -> str:
        """Ten letters that nobody without the key can make."""
        digest = hmac.new(self._key, f"{purpose}/{text}".encode(), hashlib.sha256).digest()
        return _text(digest)

    def completion(self, respondent: str) -> str:
        """The code that says that somebody finished; it does not lead back to the answers."""
        return grouped(self.seal("completion", respondent))


def grouped(code: str) -> str:
    """A code as people copy it: ``abcde-fghij``."""
    return "-".join(code[n : n + 5] for n in range(0, len(code), 5))


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().lower()[:_LETTERS]
