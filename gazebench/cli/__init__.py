"""The command line. Each module of this package is one command; it parses, calls, prints.

It uses every room. A command's module is imported when the command is called or listed, and imports
what is heavy inside the command, so that ``gazebench --help`` answers at once.
"""

import contextlib
import importlib
import io
import os
import pkgutil
import sys
from typing import Any, NoReturn

import click

from gazebench import __version__, signals, store
from gazebench.errors import GazebenchError

_EXIT_CODES = """\b
Exit codes: 0 done, 1 internal error, 2 usage, 3 bad input or settings, 4 done but with
something missing or failing (named), 5 no space or not writable, 6 another process holds the
folder, 7 refused: made with other settings, 8 a needed part is missing, 130 or 143 interrupted
(run the same command again to resume)."""

_STOPPED = "interrupted; what is complete is kept, run the same command again to resume"

_ORDER = (
    (
        "Pipeline",
        (
            *("demo", "build-dataset", "label", "train", "eval", "score", "eval-upsampling"),
            *("report", "study"),
        ),
    ),
    ("Results of others", ("submit",)),
    ("Photographs and animations", ("correct", "animate")),
    ("Datasets", ("inspect", "verify", "merge", "export", "synthesize")),
    (
        "Inventory and checks",
        ("methods", "check-method", "metrics", "check-metric", "sources", "weights", "doctor"),
    ),
)

_RENAMED = {"draw": "synthesize"}  # earlier names, until 0.3


class _Commands(click.Group):
    """Commands found by file name; a GazebenchError ends as a sentence and its exit code."""

    def main(self, *args: Any, **settings: Any) -> Any:
        try:
            return super().main(*args, **settings)
        except OSError as error:  # of what a command prints, --help too, or a library writes
            if full := store.full_disk(error, error.filename or "the output"):
                with contextlib.suppress(OSError, ValueError):  # what is left would fail at the end
                    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                _end(full)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = {
            m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if m.name[0] != "_"
        }
        placed = [name for _, names in _ORDER for name in names if name in found]
        return placed + sorted(found - set(placed))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _RENAMED:
            click.echo(f"note: `{cmd_name}` is now called `{_RENAMED[cmd_name]}`", err=True)
        cmd_name = _RENAMED.get(cmd_name, cmd_name)
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        left = self.list_commands(ctx)
        for title, names in (*_ORDER, ("More", tuple(left))):
            rows = [(n, self._summary(ctx, n)) for n in names if n in left]
            left = [n for n in left if n not in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(120) if command else ""

    def invoke(self, ctx: click.Context) -> object:
        # threads of torch that wait for each other sleep: where another program keeps a core busy,
        # spinning makes a training many times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        for stream in (sys.stdout, sys.stderr):  # a terminal without "→" shows "?"
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            with signals.terminable():
                return super().invoke(ctx)
        except GazebenchError as error:
            _end(error)
        except KeyboardInterrupt as stop:
            click.secho(f"gazebench: {_STOPPED}", err=True)
            sys.exit(143 if isinstance(stop, signals.Terminated) else 130)


def _end(error: GazebenchError) -> NoReturn:
    """End as a sentence and its exit code."""
    click.secho(f"gazebench: {error}", err=True)
    sys.exit(error.exit_code)


@click.group(cls=_Commands, epilog=_EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="gazebench")
def main() -> None:
    """Gaze correction: build a dataset, label it, train, evaluate, publish.

    \b
    A first look, no data needed:     gazebench demo
    The pipeline, from CelebA-HQ:     gazebench build-dataset CelebAMask-HQ data --res 512
                                      gazebench label import data labels.csv
                                      gazebench train --method prgan data runs/prgan
                                      gazebench eval data runs --method all
                                      gazebench report runs board
    """
