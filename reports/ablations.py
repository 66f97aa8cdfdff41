"""Which runs are GazeGANV2 without a part, by their settings and by nothing else.

Paper: Zhang et al. 2022, section IV-F. The letters are the paper's: A is the code of the eyes'
appearance, B Synthesis-As-Training, C the loss that keeps this code, D the coarse-to-fine module.
"""

from collections.abc import Iterable, Iterator

from gazebench.reports.measured import Measured, groups
from gazebench.results import RunResult

METHOD = "gazegan_v2"
TAKEN_AWAY = {  # letter → setting and its value without the part
    "A": ("content_code", False),
    "B": ("synthesis_as_training", False),
    "C": ("weight_fp", 0),
    "D": ("coarse_to_fine", False),
}


def without(result: RunResult) -> str:
    """Letters of the parts that a run does without, "" for a whole method and for any other."""
    if result.name != METHOD:
        return ""
    settings = result.provenance.get("settings")
    known = settings if isinstance(settings, dict) else {}
    return "".join(
        letter for letter, (key, off) in TAKEN_AWAY.items() if key in known and known[key] == off
    )


def title(result: RunResult) -> str:
    """What tables call a run: "GazeGANV2 without A"."""
    name = result.method.title or result.name
    letters = ", ".join(without(result))
    return f"{name} without {letters}" if letters else name


def printed_as(result: RunResult) -> str:
    """Key of a run among the paper's rows; "" for an ablation that the paper did not print."""
    letters = without(result)
    return f"{result.name}_without_{letters.lower()}" if letters else result.name


def beside(measured: Measured, letter: str, scores: Iterable[str]) -> Iterator[list[RunResult]]:
    """The runs without one part and those of the whole method, together where they compare.

    Of each dataset and benchmark version, where a run without the part has one of ``scores``.
    Where whole methods have seen as many portraits as a run without the part, others are left out:
    a longer training would pass for the part's effect.
    """
    wanted = set(scores)
    for group in groups(measured.runs):
        results = [r.result for r in group if r.result.name == METHOD]
        some = [r for r in results if wanted & r.scores.keys() and without(r) in ("", letter)]
        if any(without(r) == letter for r in some):
            yield _as_long(some)


def _as_long(results: list[RunResult]) -> list[RunResult]:
    """Without the whole methods of another budget than the ablations', where one has theirs."""
    budgets = {r.provenance.get("images") for r in results if without(r)}
    equal = [r for r in results if without(r) or r.provenance.get("images") in budgets]
    return equal if any(not without(r) for r in equal) else results
