"""What the FiftyOne App runs: operators of the labelling screen, its panel, and a plain panel.

The desk is that of the server's one annotator (see ``app_server``). Nothing about votes or labels
goes into FiftyOne's own database, so that none of it can be seen in the App.
"""

from abc import ABC, abstractmethod
from typing import Any

import fiftyone.operators as foo  # pyright: ignore[reportMissingImports]
from fiftyone.operators import types  # pyright: ignore[reportMissingImports]

from gazebench.annotation.desk import Desk
from gazebench.annotation.votes import RefusedVoteError, Round, now
from gazebench.errors import GazebenchError

_desk: Desk | None = None
_BUTTONS = (("X", "Looks at the camera"), ("Y", "Looks elsewhere"), ("unsure", "Unsure"),
            ("reject", "Bad image"))  # fmt: skip


def sit_down(desk: Desk) -> None:
    """Set the desk that the operators of this process work at."""
    global _desk
    _desk = desk


def _at() -> Desk:
    if _desk is None:
        raise RuntimeError("start the App with `gazebench label serve DATASET`")
    return _desk


class _Operator(foo.Operator, ABC):
    """An operator that no menu lists.

    An event that can never be stored comes back as ``refused``; anything else that went wrong as
    ``trouble``: the screen keeps its votes and sends them again.
    """

    name = ""

    @property
    def config(self) -> foo.OperatorConfig:
        """What FiftyOne calls it."""
        return foo.OperatorConfig(name=self.name, label=f"Labelling: {self.name}", unlisted=True)

    def execute(self, ctx: Any) -> dict[str, Any]:
        """The answer, or a sentence on what went wrong."""
        try:
            return self._answer(ctx.params)
        except RefusedVoteError as error:
            return {"refused": str(error)}
        except GazebenchError as error:
            return {"trouble": str(error)}

    @abstractmethod
    def _answer(self, params: dict[str, Any]) -> dict[str, Any]: ...


class Start(_Operator):
    """What the screen needs once."""

    name = "start"

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        return _at().start()


class NextFaces(_Operator):
    """The next faces."""

    name = "next_faces"

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        return _at().next(params.get("held") or [], params.get("count") or 12)


class Vote(_Operator):
    """Votes and undos, acknowledged once they are on the disk."""

    name = "vote"

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"saved": _at().vote(params.get("events") or [])}


class Undo(_Operator):
    """The newest vote taken back."""

    name = "undo"

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"face": _at().undo()}


class Progress(_Operator):
    """How far the volunteer is."""

    name = "progress"

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        return _at().next([], 0)


class GazeLabel(foo.Panel):
    """The screen: keys, enlarged eyes, an outbox; drawn by ``plugin/dist/index.umd.js``."""

    @property
    def config(self) -> foo.PanelConfig:
        """What FiftyOne calls it."""
        return foo.PanelConfig(
            name="gaze_label", label="Label", icon="visibility", surfaces="grid", priority=100
        )

    def on_load(self, ctx: Any) -> None:
        """Room for the screen."""
        ctx.ops.hide_sidebar()

    def render(self, ctx: Any) -> types.Property:
        """What the panel holds."""
        return types.Property(types.Object(), view=types.View(component="GazeLabel"))


class GazeLabelPlain(foo.Panel):
    """Buttons only, no JavaScript of ours: for a browser in which the screen does not work."""

    @property
    def config(self) -> foo.PanelConfig:
        """What FiftyOne calls it."""
        return foo.PanelConfig(
            name="gaze_label_plain", label="Label (plain)", icon="visibility", surfaces="grid"
        )

    def on_load(self, ctx: Any) -> None:
        """The first face."""
        _show(ctx, _at().next([], 1))

    def vote(self, ctx: Any) -> None:
        """A button was pressed."""
        import uuid

        face = ctx.panel.get_state("face")
        if face and face.get("id"):
            event = {
                "event": str(uuid.uuid4()),
                "annotator": _at().annotator,
                "portrait": face["id"],
                "vote": ctx.params["vote"],
                "milliseconds": None,
                "time": now(),
                "round": face.get("round") or Round.LABEL.value,
            }
            _at().vote([event])
        _show(ctx, _at().next([], 1))

    def undo(self, ctx: Any) -> None:
        """The newest vote taken back, and its face shown again."""
        face = _at().undo()
        answer = _at().next([], 1)
        _show(ctx, {**answer, "faces": [face] if face else answer["faces"]})

    def render(self, ctx: Any) -> types.Property:
        """What the panel holds."""
        panel = types.Object()
        face = ctx.panel.get_state("face")
        progress = f"{ctx.panel.get_state('done')} of {ctx.panel.get_state('total')}"
        panel.md(f"{progress}. **Is this person looking at the camera?**", name="where")
        if not face:
            panel.md("All done, thank you!", name="end")
            return types.Property(panel)
        panel.str("image", view=types.ImageView(height="420px", width="420px", alt="the face"))
        row = panel.h_stack("votes", gap=2)
        for vote, label in _BUTTONS:
            row.btn(vote, label=label, on_click=self.vote, params={"vote": vote})
        row.btn("undo", label="Undo", on_click=self.undo, variant="outlined")
        return types.Property(panel)


def _show(ctx: Any, answer: dict[str, Any]) -> None:
    face = next(iter(answer["faces"]), None)
    ctx.panel.set_state({"face": face, "done": answer["done"], "total": answer["total"]})
    ctx.panel.set_data("image", f"/gazebench/faces/{face['id']}" if face else None)


def register(plugin: Any) -> None:
    """What FiftyOne calls when it loads the plugin."""
    for part in (Start, NextFaces, Vote, Undo, Progress, GazeLabel, GazeLabelPlain):
        plugin.register(part)
