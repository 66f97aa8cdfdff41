"""From photographs to photographs whose eyes look at the camera."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazebench.pipeline._places import Place, several

if TYPE_CHECKING:
    import torch

    from gazebench.photographs.choosing import Chosen


@dataclass(frozen=True, kw_only=True)
class CorrectedPhotographs:
    """Where corrected photographs are, and why others could not be corrected."""

    method: str  # name of the method that corrected them
    files: dict[Path, Path]  # photograph → corrected file, of those that worked
    unchanged: tuple[str, ...]  # a sentence for each that the method left as it is, with the reason
    failures: tuple[str, ...]  # a sentence for each that could not be corrected
    notes: tuple[str, ...] = ()  # what else a user should know
    page: Path | None = None  # before and after
    signed: bool = False  # those that were changed have a signed manifest


def correct(
    run: Place | None,
    photographs: Place | Iterable[Place],
    out: Place,
    *,
    method: Place | None = None,
    dataset: Place | None = None,
    settings: Mapping[str, Any] | None = None,
    format: str = "png",
    align: str | None = None,
    landmarks: str = "dlib",
    all_faces: bool = False,
    max_megapixels: int = 120,
    page: bool = False,
    sign: Place | None = None,
    certificate: Place | None = None,
    timestamp: str | None = None,
    device: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> CorrectedPhotographs:
    """Correct the gaze in photographs of any size, with a trained run or without.

    Only pixels inside the two eye boxes of a face change. Each photograph becomes ``out/NAME.png``
    or ``NAME.jpg``. One without a usable face is in ``failures`` and does not stop the others.

    Args:
        run: folder of the trained run; None: the best method that corrects as it is installed.
        photographs: one or several files, folders of pictures, or patterns such as ``me/*.jpg``.
        out: folder of the corrected photographs.
        method: name of a method that needs no training or ships trained, in place of a run; or the
            path of a method's file, also beside the run that was trained with it.
        dataset: what that method looks things up in.
        settings: of the method, such as ``{"strength": 0.7}``.
        format: "png", or "jpeg", which compresses the whole photograph again.
        align: how a face is cut out; by default as the portraits that the run was trained on.
        landmarks: landmark finder, "dlib" or "face_alignment".
        all_faces: correct every face, not only the largest.
        max_megapixels: of a photograph, up to 250; one takes about 20 MB of memory for each.
        page: also write ``out/index.html``: before and after, one file.
        sign: PEM file of a private key: each photograph that was changed also gets a C2PA manifest
            that is signed with it.
        certificate: PEM file of the certificates of that key, the signer's own first.
        timestamp: address of a time-stamp server (RFC 3161) for the signatures; None asks none.
        device: "cpu", "cuda", "cuda:1"; by default CUDA where there is one.
        overwrite: replace what is in ``out``.
        quiet: no progress bar.

    Raises:
        InputError: the folder holds no trained run, two photographs have one name, or a key or
            certificate that does not sign.
        MissingPartError: ``sign`` without c2pa-python.
        RefusedError: ``out`` has a file of another photograph, run or version of this package, or
            ``align`` is another.
    """
    from gazebench.photographs.provenance import signature_of

    notes = list[str]()
    places = _places(photographs, Path(out), format, notes.append, new_page=page and not overwrite)
    chosen, picked = _chosen(run, method, dataset, settings, device)
    cut = chosen.cut.of_photographs(align, str(run or dataset or chosen.name))
    finding = {"finder": landmarks, "all_faces": all_faces, "max_megapixels": max_megapixels}
    flags = {"device": picked, "overwrite": overwrite, "quiet": quiet}
    flags["signature"] = signature_of(sign, certificate, timestamp)
    page_in = Path(out) if page else None
    return _corrected(chosen, places, notes, {**finding, "align": cut}, flags, page_in)


def _corrected(
    chosen: "Chosen",
    places: Mapping[Path, Path],
    notes: list[str],
    finding: Mapping[str, Any],
    flags: Mapping[str, Any],
    page_in: Path | None,
) -> CorrectedPhotographs:
    """The corrections at ``places``, written, and their page in the folder ``page_in``.

    ``notes``: what is said already, and more is added. ``finding``: of a ``Photographer``;
    ``flags``: of ``photographs.correct.correct``.
    """
    from gazebench import plugins
    from gazebench.photographs import Photographer, before_after
    from gazebench.photographs.correct import correct as correct_all

    unchanged = list[str]()
    by = {"weights_sha256": chosen.weights_sha256, "facts": chosen.facts}
    says: Any = {"say": unchanged.append, "note": notes.append}
    with plugins.blaming(chosen.collection, chosen.name):
        photographer = Photographer(chosen.task, **finding)
        failures = correct_all(chosen.method, photographer, places, **by, **says, **flags)
    files = {photo: file for photo, file in places.items() if photo not in failures}
    page = None
    if page_in and files:
        page = before_after.write(files, page_in, chosen, unchanged, photographer.most)
    return CorrectedPhotographs(
        method=chosen.name,
        files=files,
        unchanged=tuple(unchanged),
        failures=tuple(failures.values()),
        notes=(*notes, *chosen.notes),
        page=page,
        signed=flags["signature"] is not None,
    )


def _places(
    photographs: Place | Iterable[Place],
    folder: Path,
    form: str,
    note: Callable[[str], None],
    *,
    new_page: bool,
) -> dict[Path, Path]:
    """Where each photograph's correction goes; ``new_page``: no page of others may be there."""
    from gazebench.photographs import before_after
    from gazebench.photographs.correct import places_of

    if new_page:
        before_after.check(folder)
    return places_of(map(Path, several(photographs)), folder, form, note)


def _chosen(
    run: Place | None,
    method: Place | None,
    dataset: Place | None,
    settings: Mapping[str, Any] | None,
    device: str | None,
) -> "tuple[Chosen, torch.device]":
    """The method, ready on a device."""
    from gazebench import baselines, plugins
    from gazebench.methods import pick_device
    from gazebench.photographs import choosing

    collection, named = plugins.extend(baselines, [] if method is None else [str(method)])
    picked = pick_device(device)
    chosen = choosing.choose(
        collection,
        run=Path(run) if run else None,
        method=named[0] if named else None,
        dataset=Path(dataset) if dataset else None,
        settings=settings or {},
        device=picked,
    )
    return chosen, picked
