"""One volunteer's FiftyOne server: ``python -m gazebench.annotation.app_server``.

It is started by ``server.py`` with FiftyOne's settings in its environment, answers behind the gate
of ``guard.py``, and ends when it is told to or when its parent is gone.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from gazebench.annotation.desk import Adjudication, Desk
from gazebench.annotation.session import ADJUDICATOR

SETTINGS = "GAZEBENCH_LABEL_SERVER"  # JSON in the environment: secrets do not show in `ps`


def main() -> None:
    """Serve until a signal comes."""
    settings = json.loads(os.environ.pop(SETTINGS))
    os.environ["FIFTYONE_SERVER"] = "1"
    os.environ.pop("FIFTYONE_DISABLE_SERVICES", None)
    kind = Adjudication if settings["annotator"] == ADJUDICATOR else Desk
    with kind.open(Path(settings["dataset"]), settings["annotator"]) as desk:
        asyncio.run(_serve(desk, settings))


async def _serve(desk: Desk, settings: dict[str, Any]) -> None:
    from fiftyone.core.aggregations import Aggregation  # pyright: ignore[reportMissingImports]
    from fiftyone.core.stages import ViewStage  # pyright: ignore[reportMissingImports]
    from fiftyone.server import app as fiftyone  # pyright: ignore[reportMissingImports]
    from fiftyone.server.events import set_port  # pyright: ignore[reportMissingImports]
    from hypercorn.asyncio import serve  # pyright: ignore[reportMissingImports]
    from hypercorn.config import Config  # pyright: ignore[reportMissingImports]

    from gazebench.annotation import app_dataset, guard, operators

    operators.sit_down(desk)
    for kind in (ViewStage, Aggregation):
        _confine(kind)
    _import_nothing()
    set_port(settings["port"])
    fiftyone.app.debug = False  # no stack trace to whoever asks
    index = Path(fiftyone.__file__ or "").with_name("static") / "index.html"
    gate = guard.Guard(
        fiftyone.app,
        desk,
        settings["secret"],
        home=guard.home(app_dataset.name_of(desk.faces)),
        index=index.read_text(encoding="utf-8"),
        hosts=settings["hosts"],
    )
    config = Config()
    config.bind = [f"127.0.0.1:{settings['port']}"]
    config.graceful_timeout = 1.0
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(gate, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def _confine(kind: Any) -> None:
    """Have FiftyOne make nothing but a ``kind`` of its own where a request names a class.

    It would call whatever the request names, such as `subprocess.Popen`. Its stage Mongo is left
    out, as it can write into the database.
    """
    home = sys.modules[kind.__module__]
    make = kind._from_dict

    def made(content: dict[str, Any]) -> Any:
        module, _, name = content["_cls"].rpartition(".")
        found = getattr(home, name, None) if module == home.__name__ else None
        if not (isinstance(found, type) and issubclass(found, kind)) or name == "Mongo":
            raise ValueError(f"{content['_cls']}: not for requests")
        return make(content)

    kind._from_dict = made


def _import_nothing() -> None:
    """Have FiftyOne look up stages that are named among its own; it would import any module."""
    from fiftyone.core import stages  # pyright: ignore[reportMissingImports]
    from fiftyone.server import mutation  # pyright: ignore[reportMissingImports]

    class Known:
        @staticmethod
        def get_class(name: str) -> object:
            module, _, found = name.rpartition(".")
            return getattr(stages, found, None) if module == stages.__name__ else None

    mutation.etau = Known


if __name__ == "__main__":
    sys.exit(main())
