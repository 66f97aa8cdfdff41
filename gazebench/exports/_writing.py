"""Writing an export: whole files only, in a folder that holds nothing else.

``unfinished.json`` stands there until all is written and says what is being exported; then it
gives way to ``export.json``. The same command resumes where it was stopped.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazebench import progress, store
from gazebench.errors import InputError, RefusedError
from gazebench.exports._content import ExportContent, ExportFile
from gazebench.exports._description import NAME, Description, read_description, text_of

if TYPE_CHECKING:
    from gazebench.exports import Export

_UNFINISHED = "unfinished.json"
_OF_A_KILL = (".lock", ".partial-")  # names that a process killed at its first write may leave
_ROUND_FILES, _ROUND_BYTES = 32, 64 * 1024**2  # written with one sync of their folders


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """What an export would write."""

    layout: "Export"
    content: ExportContent
    description: Description
    is_free: bool  # the source is known to be free to redistribute


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What an export did."""

    files: int  # of the export, without export.json
    written: int  # by this call; the others were there


def write(plan: ExportPlan, out: Path, *, quiet: bool) -> ExportReport:
    """Write, or finish writing, an export to the folder ``out``.

    Raises:
        InputError: ``out`` holds something else, or an image of the dataset was changed.
        RefusedError: ``out`` holds an export of something else; each difference is named.
        MissingPartError: a library that the layout needs is not installed.
        BusyError: another process writes there.
        DiskError: no space or not writable; the same command resumes later.
    """
    files = list(plan.layout.files(plan.content))
    _check_place(out, plan.content.manifest.root)
    text = text_of(plan.description)
    _check_claim(out, plan.description, text)  # before the lock: a refusal leaves no trace
    with store.locked(out):
        _check_claim(out, plan.description, text)
        missing = {file.path for file in files if not (out / file.path).exists()}
        if missing or not (out / NAME).exists():
            _check_space(out, plan.content, len(missing) / len(files))
            store.write(out / _UNFINISHED, text)
            store.remove(out / NAME)
            _write_missing(plan, out, files, missing, quiet=quiet)
            store.write(out / NAME, text)
        for name in (_UNFINISHED, ".lock"):  # a folder that travels holds nothing of ours
            store.remove(out / name)
    return ExportReport(files=len(files), written=len(missing))


def _write_missing(
    plan: ExportPlan, out: Path, files: Iterable[ExportFile], missing: set[str], *, quiet: bool
) -> None:
    for folder in {(out / file.path).parent for file in files}:
        store.remove_partial(folder)
    bar = progress.bar(
        total=sum(file.portraits for file in files),
        initial=sum(file.portraits for file in files if file.path not in missing),
        desc="portraits",
        unit="portrait",
        quiet=quiet or not plan.content.with_pixels,
    )
    with bar:
        content = replace(plan.content, progress=bar.update)
        _write_files(out, (file for file in plan.layout.files(content) if file.path in missing))


def _write_files(out: Path, files: Iterable[ExportFile]) -> None:
    group: list[tuple[Path, bytes]] = []
    for file in files:
        made = file.make()
        if isinstance(made, bytes):
            group.append((out / file.path, made))
        else:
            with store.new_file(out / file.path) as stream:
                for piece in made:
                    stream.write(piece)
        if len(group) >= _ROUND_FILES or sum(len(data) for _, data in group) >= _ROUND_BYTES:
            store.write_many(group)
            group.clear()
    store.write_many(group)


def _check_place(out: Path, dataset: Path) -> None:
    with store.asking(out):
        if out.resolve().is_relative_to(dataset.resolve()):
            raise InputError(f"{out}: is inside the dataset; give another folder for the export")
        if not out.exists():
            return
        if not out.is_dir():
            raise InputError(f"{out}: is a file; give a folder for the export")
        names = {path.name for path in out.iterdir() if not path.name.startswith(_OF_A_KILL)}
    if names and not names & {NAME, _UNFINISHED}:
        raise InputError(f"{out}: holds other files; give a new or empty folder for the export")


def _check_claim(out: Path, description: Description, text: str) -> None:
    path = next((out / name for name in (NAME, _UNFINISHED) if (out / name).exists()), None)
    if path is None:
        return
    there = read_description(path)
    if text_of(there) == text:
        return
    old, new = _claims(there), _claims(description)
    differences = [
        f"{key}: {old.get(key)} → {new.get(key)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    raise RefusedError(
        f"{out}: holds an export of something else "
        f"({'; '.join(differences) or 'labels differ'}); give another folder, or remove this one"
    )


def _claims(description: Description) -> dict[str, Any]:
    dataset = asdict(description.dataset)
    return {
        "layout": description.layout,
        "with pixels": description.with_pixels,
        "exported by gazebench": description.gazebench,
        **dataset.pop("settings"),
        **dataset,
    }


def _check_space(out: Path, content: ExportContent, share: float) -> None:
    size = sum(content.size(row) for row in content.rows)
    store.require_space(out, int(size * share) + 1000 * len(content.rows))
