"""Do the settings of a build go with its source?"""

from collections.abc import Sequence

from gazebench import landmarks
from gazebench.build.settings import DatasetSettings
from gazebench.errors import InputError
from gazebench.sources import SourceFace


def check_settings(settings: DatasetSettings, faces: Sequence[SourceFace]) -> None:
    """That portraits of ``faces`` can be made with ``settings``.

    Raises:
        InputError: eye boxes that do not fit, or a list that is asked for and not there.
    """
    side, (height, width) = settings.resolution, settings.window
    if height > side or 2 * width > side:
        raise InputError(f"eye boxes of {height}x{width}: two do not fit into {side}x{side} pixels")
    _check_landmarks(settings, faces)
    if settings.split == "partition" and not any(face.partition for face in faces):
        raise InputError("--split partition: list_eval_partition.txt was not found or names none")


def _check_landmarks(settings: DatasetSettings, faces: Sequence[SourceFace]) -> None:
    if settings.landmarks == "celeba":
        raise InputError("--landmarks celeba is called listed: give --landmarks listed")
    landmarks.load(landmarks, settings.landmarks)  # that there is one
    if settings.landmarks != "listed":
        return
    if not any(face.eyes for face in faces):
        raise InputError(
            "--landmarks listed: the source has no list of eye points "
            "(list_landmarks_align_celeba.txt for CelebA); give one with --eyes FILE.csv"
        )
    if settings.align == "ffhq" and not any(face.mouth for face in faces):
        raise InputError("--landmarks listed: no mouth is listed, which --align ffhq needs")
