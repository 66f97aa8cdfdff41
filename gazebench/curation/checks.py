"""Do the settings of a build go with its source?"""

from pathlib import Path

from gazebench import landmarks
from gazebench.curation.settings import DatasetSettings
from gazebench.errors import InputError
from gazebench.sources import SpooledFaces


def check_settings(settings: DatasetSettings, faces: SpooledFaces) -> None:
    """That portraits of ``faces`` can be made with ``settings``.

    Raises:
        InputError: eye boxes that do not fit, or a list that is asked for and not there.
    """
    side, (height, width) = settings.resolution, settings.window
    if height > side or 2 * width > side:
        raise InputError(f"eye boxes of {height}x{width}: two do not fit into {side}x{side} pixels")
    _check_landmarks(settings, faces)
    if settings.split == "partition" and not faces.given("partition"):
        raise InputError("--split partition: list_eval_partition.txt was not found or names none")


def remarks(faces: SpooledFaces, eyes: Path | None) -> list[str]:
    """What a user should know of the faces; ``eyes``: the file that gave their eye points."""
    unknown, unplaced = (len(faces) - faces.given(field) for field in ("identity", "eyes"))
    found: list[str] = []
    if 0 < unknown < len(faces):
        found.append(f"{unknown:,} pictures have no identity: each counts as a different person")
    if eyes and unplaced:
        found.append(f"{unplaced:,} pictures have no line in {eyes}: they are quarantined")
    return found


def _check_landmarks(settings: DatasetSettings, faces: SpooledFaces) -> None:
    if settings.landmarks == "celeba":
        raise InputError("--landmarks celeba is called listed: give --landmarks listed")
    landmarks.load(landmarks, settings.landmarks)  # that there is one
    if settings.landmarks != "listed":
        return
    if not faces.given("eyes"):
        raise InputError(
            "--landmarks listed: the source has no list of eye points "
            "(list_landmarks_align_celeba.txt for CelebA); give one with --eyes FILE.csv"
        )
    if settings.align == "ffhq" and not faces.given("mouth"):
        raise InputError("--landmarks listed: no mouth is listed, which --align ffhq needs")
