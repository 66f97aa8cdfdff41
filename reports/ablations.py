"""Which runs are GazeGANV2 without a part, by their settings and by nothing else.

Paper: Zhang et al. 2022, section IV-F. The letters are the paper's: A is the code of the eyes'
appearance, B Synthesis-As-Training, C the loss that keeps this code, D the coarse-to-fine module.
"""

from collections.abc import Container, Iterable, Iterator, Sequence

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
    """
    wanted = set(scores)
    for group in groups(measured.runs):
        results = [r.result for r in group if r.result.name == METHOD]
        some = [r for r in results if wanted & r.scores.keys() and without(r) in ("", letter)]
        lacking = [r for r in some if without(r)]
        if lacking:
            whole = like([r for r in some if not without(r)], lacking)
            yield [r for r in some if without(r) or r in whole]


def like(whole: Sequence[RunResult], lacking: Sequence[RunResult]) -> list[RunResult]:
    """Whole methods that differ from a run which lacks a part in nothing else, for each such run.

    A longer training, or another loss, would look like the part's effect. Where there are none,
    those that have seen as many portraits; else all. In the order of ``whole``.
    """
    near = [id(result) for run in lacking for result in _nearest(whole, run)]
    return [result for result in whole if id(result) in near or not lacking]


def _nearest(whole: Sequence[RunResult], run: RunResult) -> Sequence[RunResult]:
    equal = [r for r in whole if r.provenance.get("images") == run.provenance.get("images")]
    letters = without(run)
    but = {TAKEN_AWAY[letter][0] for letter in letters}
    if "D" in letters:
        but.add("pam_shrink")  # set beside it, to keep the E_c of the others
    alike = [r for r in equal if _settings(r, but) == _settings(run, but)]
    return alike or equal or whole


def _settings(result: RunResult, but: Container[str]) -> dict[str, object]:
    settings = result.provenance.get("settings")
    known = settings if isinstance(settings, dict) else {}
    return {key: value for key, value in known.items() if key not in but}
