"""``gazebench check-metric``: each broken promise has its own sentence."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gazebench import cli

pytestmark = pytest.mark.usefixtures("one_thread")

CHANGE = '''
"""How much of the portrait changed."""
from gazebench.cards import MetricCard
from gazebench.results import Score

class Change:
    card = MetricCard(
        title="Change", higher_is_better=False, region="portrait", help="Mean change.",
        bounds=(0.0, None), group="preservation",
    )
    def __init__(self, instruments):
        self.values = {}
    def update_reference(self, real):
        pass
    def update(self, source, corrected):
        change = (source.image - corrected).abs().double().mean((1, 2, 3))
        self.values |= zip(source.ids, change.tolist())
    def compute(self):
        return Score.of(self.values)
'''


def check(folder: Path, text: str, *flags: str) -> Result:
    """The command on a file with ``text``."""
    path = folder / "mine.py"
    path.write_text(text)
    return CliRunner().invoke(cli.main, ["check-metric", str(path), "--device", "cpu", *flags])


def test_a_good_metric_passes_every_check(tmp_path: Path) -> None:
    result = check(tmp_path, CHANGE)
    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.output.splitlines() if line[0] == " "} == {"ok"}
    assert "scores an unchanged portrait best" in result.output
    assert "does not see the eyes" not in result.output  # its card does not promise that


BROKEN = {
    "no sentence": ('"Mean change."', '"Mean change"', "must be a sentence that ends with a full"),
    "no group": ('"preservation"', '"nice"', "the card's group 'nice' is none of preservation,"),
    "unknown weights": ('group="pre', 'weights=("x",), group="pre', "do not exist: 'x'"),
    "depends on the batch": (
        "change.tolist()",
        "change.cumsum(0).tolist()",
        "does not care how portraits are batched: the same portraits score",
    ),
    "the last one counts twice": (
        "Score.of(self.values)",
        "Score(value=sum(self.values.values()) + list(self.values.values())[-1], n=1)",
        "does not care in which order they come: the same portraits score",
    ),
    "writes to the pictures": (
        "change = (source.image - corrected)",
        "corrected += 0.01\n        change = (source.image - corrected)",
        "`update` changes the pictures",
    ),
    "NaN for equal pictures": (
        "change.tolist()",
        "(change / change * change).tolist()",
        "gives finite numbers",
    ),
    "a worse best": ("change.tolist()", "(change + 1).tolist()", "portrait scores 1.0, expected"),
    "likes noise": ("change.tolist()", "(2 - change).tolist()", "more noise does not score worse"),
    "sees the eyes": (
        'group="pre',
        'sees_eyes=False, group="pre',
        "the card says that it does not see the eyes, but other eyes score",
    ),
    "crashes": (
        "return Score.of",
        "return (1 // 0) * Score.of",
        "mine.py, line 19: ZeroDivisionError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_metric_is_told_what_is_broken(case: str, tmp_path: Path) -> None:
    old, new, sentence = BROKEN[case]
    assert CHANGE.count(old) == 1
    result = check(tmp_path, CHANGE.replace(old, new))
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert result.exit_code == 3
