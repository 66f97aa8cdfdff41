"""A stand-in for the making of portraits that workers can import without pytest."""

import os
import resource
import signal
import time
from dataclasses import dataclass

from gazebench.curation.portraitist import BuildOutcome, quarantined
from gazebench.errors import MissingPartError
from gazebench.sources import SourceFace


class KilledWhileAnswering:
    """Ends the worker in the middle of handing its result over."""

    def __reduce__(self) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


@dataclass(frozen=True)
class Portrayer:
    """Stands for the making of portraits; faces named in ``bad`` fare ill."""

    fate: str = ""
    bad: tuple[str, ...] = ()

    def __call__(self, face: SourceFace) -> BuildOutcome:
        sentence: object = str(os.getpid())
        if face.id in self.bad:
            sentence = self._fail()
        return BuildOutcome(id=face.id, name=face.name, sentence=sentence)  # type: ignore[arg-type]

    def _fail(self) -> object:
        match self.fate:
            case "exits":
                os._exit(3)
            case "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hangs":
                time.sleep(1000)
            case "takes all memory":
                return bytearray(1 << 50)
            case "raises":
                raise RuntimeError("a decoder's own mistake")
            case "lacks its model":
                raise MissingPartError("weights x are not here; run `gazebench weights fetch x`")
        return KilledWhileAnswering()


class Measured:
    """Tells how much address space its worker may take."""

    def __call__(self, face: SourceFace) -> BuildOutcome:
        return quarantined(face, "told", str(resource.getrlimit(resource.RLIMIT_AS)[0]))


class Unmounted:
    """Stands for a worker that does not have the disk with the pictures."""

    def __call__(self, face: SourceFace) -> BuildOutcome:
        return quarantined(face, "unreadable", "No such file or directory")
