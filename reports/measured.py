"""Finds and reads what evaluations left below a folder, sanitised: it may be shown to anybody."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gazebench.errors import InputError, first_fault
from gazebench.reading import read_json
from gazebench.reports.sanitising import published
from gazebench.results import RunResult

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A result and the folder that its relative paths start from."""

    result: RunResult
    folder: Path


class Measured:
    """All results below a folder of runs, in the order of their names.

    A run is called by its folder below ``root``. ``damaged`` has a sentence for each file that
    could not be read. ``slices`` name the slices of portraits that tables are asked for.
    """

    def __init__(self, root: Path, slices: Sequence[str] = ()) -> None:
        """Read every ``scores.json``.

        Raises:
            InputError: no such folder.
        """
        if not root.is_dir():
            raise InputError(f"{root}: no such folder of runs; run `gazebench eval` first")
        self.root, self.slices = root, slices
        self.runs: list[Run] = []
        self.damaged: list[str] = []
        for path, name in self._files("scores.json"):
            try:
                self.runs.append(Run(result=read_result(path, name), folder=path.parent))
            except InputError as error:
                self.damaged.append(str(error))
        self._leave_out_strangers()

    def _leave_out_strangers(self) -> None:
        """Results whose metrics mean another thing than those of most results beside them."""
        for group in groups(self.runs):
            usual = _usual_meanings(group)
            for run in group:
                odd = [k for k, card in run.result.metrics.items() if card.meaning != usual[k]]
                if odd:
                    self.runs.remove(run)
                    self.damaged.append(
                        f"{run.folder / 'scores.json'}: left out, its {odd[0]} means another thing "
                        "than in the other results; run `gazebench eval` again"
                    )

    def each(self, file: str, kind: type[T]) -> Iterator[tuple[str, T]]:
        """The name of every run that has ``file``, with its JSON as the dataclass ``kind``.

        Texts are made fit to publish; keys that ``kind`` does not have are left out.
        """
        adapter = TypeAdapter(kind)
        for run, folder in self.folders(file):
            try:
                path = folder / file
                content = adapter.validate_python(published(read_json(path, "make it again")))
            except InputError as error:
                self.damaged.append(str(error))
            except ValidationError as error:
                why = first_fault(error)
                self.damaged.append(f"{folder / file}: damaged ({why}); make it again")
            else:
                yield run, content

    def folders(self, file: str) -> Iterator[tuple[str, Path]]:
        """The name of every run that has ``file``, with its folder."""
        for path, name in self._files(file):
            run = self.root.resolve().name if name == "." else name
            yield str(published(run)), path.parent

    def _files(self, name: str) -> Iterator[tuple[Path, str]]:
        # rglob passes over linked folders; a run that lies elsewhere is often linked
        links = [p for p in self.root.iterdir() if p.is_symlink() and p.is_dir()]
        linked = [p / name for p in links if (p / name).exists()]
        for path in sorted({*self.root.rglob(name), *linked}):
            yield path, path.parent.relative_to(self.root).as_posix()


def groups(runs: list[Run]) -> list[list[Run]]:
    """Runs that compare, together: one dataset fingerprint, one benchmark version.

    The largest group comes first.
    """
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        key = run.result.dataset.fingerprint, run.result.benchmark
        found.setdefault(key, []).append(run)
    return [found[key] for key in sorted(found, key=lambda key: (-len(found[key]), key))]


def _usual_meanings(runs: list[Run]) -> dict[str, object]:
    """What each metric means in the most results; of two equally frequent the first by name."""
    meanings: dict[str, Counter[tuple[object, ...]]] = {}
    for run in runs:
        for key, card in run.result.metrics.items():
            meanings.setdefault(key, Counter())[card.meaning] += 1
    return {key: counts.most_common(1)[0][0] for key, counts in meanings.items()}


def read_result(path: Path, name: str) -> RunResult:
    """A result with every value checked and every text made fit to publish.

    Raises:
        InputError: missing, damaged, or with a value that no table can show.
    """
    row = asdict(RunResult.load(path))
    public: dict[str, Any] = published(row)
    places = {"pictures": row["pictures"], "dataset_folder": row["dataset_folder"]}
    shown = {**public, **places, "run": _name(name, public)}
    return RunResult.checked(shown, f"{path}: damaged", "run `gazebench eval` again")


def _name(name: str, public: dict[str, Any]) -> str:
    return str(public["run"] if name == "." else published(name))


def of_each_method(runs: Sequence[T], method: Callable[[T], str], most: int) -> list[T]:
    """``most`` of ``runs`` at most, in their order, which is best first.

    Where there are more, the best of each method comes before a second one of another.
    """
    best = {method(run): run for run in reversed(runs)}
    by_need = sorted(runs, key=lambda run: run is not best[method(run)])
    return sorted(by_need[:most], key=runs.index)
