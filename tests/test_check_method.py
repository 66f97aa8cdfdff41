"""``gazebench check-method``: each broken promise has its own sentence."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_add_method import example

from gazebench import cli

pytestmark = pytest.mark.usefixtures("one_thread")

TRAINED = '''
"""One convolution, trained in one line."""
import numpy as np
import torch
from torch import nn
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.methods import TrainableMethod

class Trained(TrainableMethod):
    card = MethodCard(title="Trained")
    inference_networks = ("G",)
    small_settings = {}
    class Config(Settings):
        steps: int = 10
        batch: int = 2
    def __init__(self, config, task):
        super().__init__(config, task)
        self.networks["G"] = nn.Conv2d(3, 3, 1)
        self.optimisers["G"] = torch.optim.Adam(self.networks["G"].parameters(), 1e-2)
        self.seen = 0
    def correct(self, batch):
        return self.networks["G"](batch.image).tanh()
    def training_step(self, draw):
        x, y = draw()
        self.seen += 1
        noise = torch.randn(y.image.shape, generator=draw.generator)
        loss = (self.networks["G"](y.image + noise) - x.image).abs().mean()
        return self.update("G", {"rec": loss})
    def learning_rate_scale(self, step, steps):
        return 1.0
'''


def check(folder: Path, text: str, *flags: str, name: str = "mine.py") -> Result:
    """The command on a file with ``text``, with small portraits."""
    path = folder / name
    path.write_text(text)
    return CliRunner().invoke(cli.main, ["check-method", str(path), "--res", "64", *flags])


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


RETURN = "return (batch.image + self._amount * batch.mask).clamp(-1, 1)"
BROKEN = {
    "no card": ("card = MethodCard(", "label = MethodCard(", "must define one class with 'card'"),
    "wrong shape": (RETURN, "return batch.image[..., ::2, ::2]", "the shape (4, 3, 32, 32), exp"),
    "wrong range": (".clamp(-1, 1)", " * 9", "outside [-1, 1]"),
    "no tensor": (RETURN, "pass", "`correct` returned NoneType, expected a tensor"),
    "writes to the batch": (
        RETURN,
        "view = batch.image[:, :1]\n        view += 0.1\n        return batch.image.clamp(-1, 1)",
        "leaves the batch alone: `correct` changed the batch's `image`",
    ),
    "not repeatable": (
        "self._amount * batch.mask",
        "batch.mask * __import__('random').random()",
        "gives the same output twice: `correct` gives two outputs for one batch",
    ),
    "draws from the global generator": (
        RETURN,
        "__import__('torch').rand(1)\n        " + RETURN,
        "leaves everything else alone: `correct` changes torch's global random numbers",
    ),
    "crashes": (RETURN, "return batch.image / (1 // 0)", "mine.py, line 27: ZeroDivisionError"),
    "paints outside": ("* batch.mask", "", "the card says keeps_outside, but"),
    "cannot be imported": (
        "from torch import Tensor",
        "import torhc",
        "mine.py, line 4: ModuleNot",
    ),
    "no Python": ("class Brighter(Method):", "class Brighter(Method)", "line 12: SyntaxError"),
    "a default that cannot be": (
        "default=0.1",
        "default='?', validate_default=True",
        "`Config` with no values: amou",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_method_is_told_what_is_broken(case: str, tmp_path: Path) -> None:
    old, new, sentence = BROKEN[case]
    result = check(tmp_path, changed(example(), old, new))
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert result.exit_code == 3


UPDATE = 'return self.update("G", {"rec": loss})'
BROKEN_TRAINING = {
    "nothing learns": (UPDATE, 'return {"rec": loss.detach()}', "no weight changed in 3 training"),
    "no step": ("def training_step", "def train_step", "`training_step` is missing"),
    "own backward": (
        UPDATE,
        "loss.backward()\n        self.optimisers['G'].step()\n        return {'rec': loss.data}",
        "must call self.update(letters, losses)",
    ),
    "keeps its graph": (UPDATE, UPDATE + ' | {"adv": loss}', "'adv' must be one number, detached"),
    "not finite": (UPDATE, UPDATE + ' | {"adv": loss.detach() / 0}', "'adv' is inf at step 0"),
    "another generator": (
        "torch.randn(y.image.shape, generator=draw.generator)",
        "np.random.rand()",
        "two trainings with one seed end with other weights (G.weight)",
    ),
    "a counter of its own": (
        '{"rec": loss}',
        '{"rec": loss * self.seen + (self.seen > 1) * loss.square()}',
        "a training that resumes from a checkpoint ends with other weights (G.weight)",
    ),
    "a rate above 1": ("return 1.0", "return 1.5", "`learning_rate_scale(0, 1)` is 1.5"),
    "an unknown network": ('("G",)', '("G", "H")', "expected a tuple of some of: G"),
    "forgets a network": (
        'self.networks["G"](batch.image).tanh()',
        '(self.networks["G"](batch.image) + self.optimisers["G"].param_groups[0]["params"][1]'
        ".detach().sum() + self.seen).tanh()",
        "loses something that is not in its inference_networks",
    ),
}


@pytest.mark.parametrize("case", BROKEN_TRAINING)
def test_a_broken_training_is_told_what_is_broken(case: str, tmp_path: Path) -> None:
    old, new, sentence = BROKEN_TRAINING[case]
    assert sentence in check(tmp_path, changed(TRAINED, old, new)).output


def test_a_good_method_passes_every_check(tmp_path: Path) -> None:
    for text in (example(), TRAINED):
        result = check(tmp_path, text, "--res", "97")
        assert result.exit_code == 0, result.output
        assert {line.split()[0] for line in result.output.splitlines() if line[0] == " "} == {"ok"}


def test_a_size_that_the_method_declines_is_told_and_no_fault(tmp_path: Path) -> None:
    guard = (
        "if task.resolution < 96:\n"
        "            from gazebench.errors import MethodError\n"
        "            raise MethodError('needs 96 pixels')\n        "
    )
    text = changed(example(), "self._amount = config", guard + "self._amount = config")
    declined = check(tmp_path, text)
    assert "declines  is built: needs 96 pixels" in declined.output
    assert declined.exit_code == 4
    assert check(tmp_path, text, "--res", "96").exit_code == 0


def test_verbose_shows_the_traceback(tmp_path: Path) -> None:
    text = changed(example(), RETURN, "return batch.image / (1 // 0)")
    result = check(tmp_path, text, "-v")
    assert "Traceback (most recent call last)" in result.output
    assert result.exit_code == 3


def test_a_file_may_have_the_name_of_a_module_in_use(tmp_path: Path) -> None:
    assert check(tmp_path, example(), name="json.py").exit_code == 0
    import json

    assert json.loads("1") == 1
    assert not (tmp_path / "__pycache__").exists()
