"""Where a training begins: anew, or at the newest checkpoint of a run with the same recipe."""

from collections.abc import Callable

from gazebench.errors import RefusedError
from gazebench.training import checkpoint
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.folder import Recipe, RunFolder
from gazebench.training.log import Log
from gazebench.training.session import Session


def refuse_other(folder: RunFolder, recipe: Recipe) -> None:
    """Make sure that the folder holds no run of another recipe, before anything is loaded.

    Raises:
        RefusedError: it does.
        InputError: ``config.toml`` is damaged.
    """
    if checkpoint.any_there(folder.checkpoints):
        recipe.refuse_other(Recipe.load(folder.config), folder.root)


def start(
    folder: RunFolder, session: Session, *, overwrite: bool, say: Callable[[str], None]
) -> Checkpoint | None:
    """Bring folder and session to the newest valid checkpoint and give it; None at step 0.

    Raises:
        RefusedError: the folder holds a run of another recipe, and not ``overwrite``.
        InputError: ``config.toml`` is damaged, or the checkpoint does not fit the networks.
    """
    recipe, main = session.recipe, session.accelerator.is_main_process
    if overwrite and main:
        folder.clear()
    session.accelerator.wait_for_everyone()
    found = None
    if checkpoint.any_there(folder.checkpoints):
        old = Recipe.load(folder.config)
        recipe.refuse_other(old, folder.root)
        found = checkpoint.newest(folder.checkpoints, say)
        if found:
            _refuse_steps(session, old.steps, found.step, folder)
            session.load(found)
        else:
            say(f"{folder.checkpoints}: no checkpoint is usable; starting at step 0")
    session.accelerator.wait_for_everyone()
    if main:
        done = found.step if found else 0
        recipe.save(folder.config)
        checkpoint.remove_after(folder.checkpoints, done)
        Log(folder.log).trim(done)
    return found


def _refuse_steps(session: Session, old: int, done: int, folder: RunFolder) -> None:
    new, scale = session.recipe.steps, session.method.learning_rate_scale
    if new < done:
        raise RefusedError(
            f"{folder.root}: steps: {old} → {new}, but {done} are done; give --steps {done} or "
            "more, or --overwrite to start anew"
        )
    if any(scale(step, old) != scale(step, new) for step in range(done)):
        raise RefusedError(
            f"{folder.root}: steps: {old} → {new} would have given the {done} steps already done "
            "another learning rate; train in another folder, or --overwrite to start anew"
        )
