"""CelebA read from its ZIP archive, and archives that are refused."""

import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from build_runs import build, gazebench, tree_hash
from PIL import Image

from gazebench.dataset import pictures, read_csv
from gazebench.dataset.pictures import PictureError, read_bytes
from gazebench.errors import InputError
from gazebench.sources import _archive
from gazebench.sources.celeba import LANDMARKS, CelebA


def reasons(out: Path) -> dict[str, str]:
    return {row["source_name"]: row["reason"] for _, row in read_csv(out / "quarantine.csv", ())}


def celeba_tree(faces: Path, root: Path) -> Path:
    """Six pictures of 178x218 with their lists, one without a line, one outside its picture."""
    images = root / "Img" / "img_align_celeba"
    images.mkdir(parents=True)
    lines, places = [], " ".join(LANDMARKS)
    for number, path in enumerate(sorted(faces.glob("*.jpg"))[:6]):
        with Image.open(path) as image:
            image.resize((178, 178)).crop((0, -20, 178, 198)).save(images / f"{number:06}.jpg")
        lines.append(f"{number:06}.jpg 60 95 {118 if number else 180} 95 0 0 0 0 0 0\n")
    (root / "Anno").mkdir()
    text = f"5\n{places}\n{''.join(lines[:5])}"
    (root / "Anno" / "list_landmarks_align_celeba.txt").write_text(text)
    return root


def zipped(root: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """The pictures packed and their folder removed."""
    images = root / "Img" / "img_align_celeba"
    with zipfile.ZipFile(images.with_suffix(".zip"), "w", compression) as archive:
        archive.mkdir("img_align_celeba")
        for path in sorted(images.iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
        archive.writestr("__MACOSX/img_align_celeba/._000000.jpg", b"AppleDouble")
    shutil.rmtree(images)
    return root


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_archive_gives_the_dataset_of_its_folder(
    faces: Path, tmp_path: Path, compression: int
) -> None:
    root = celeba_tree(faces, tmp_path / "CelebA")
    build(root, tmp_path / "plain", "--landmarks", "listed")
    zipped(root, compression)
    for place in [root, root / "Img", root / "Img" / "img_align_celeba.zip"]:
        out = tmp_path / f"from {place.name}"
        done = build(place, out, "--landmarks", "listed")
        assert "6 found = 4 portraits" in done.output, done.output
        assert tree_hash(out) == tree_hash(tmp_path / "plain")
        assert set(reasons(out).values()) == {"landmark_invalid"}
    assert not list(root.rglob("*.jpg"))


def pack(path: Path, *members: zipfile.ZipInfo | str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"picture")
    return path


def member(name: str, *, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


REFUSED = {
    "../a.jpg": "leads out of the archive",
    "img_align_celeba/../../a.jpg": "leads out of the archive",
    "/etc/a.jpg": "leads out of the archive",
    "C:/a.jpg": "leads out of the archive",
    "..\\a.jpg": "has a backslash",
    "a\n.jpg": "a control character",
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_archive_with_an_unsafe_name_is_refused(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "img_align_celeba.zip", "img_align_celeba/000001.jpg", name)
    with pytest.raises(InputError, match=REFUSED[name]):
        list(CelebA(path).faces())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_an_archive_with_a_link_or_device_is_refused(tmp_path: Path, kind: int) -> None:
    path = pack(tmp_path / "a.zip", member("a.jpg", mode=kind | 0o644))
    with pytest.raises(InputError, match=r"'a\.jpg' is a link or a device"):
        _archive.members(path)


def test_an_encrypted_archive_is_said(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "a.jpg")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    with pytest.raises(InputError, match="is encrypted; pack the pictures without a password"):
        _archive.members(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two members 'a\.jpg'"):
        _archive.members(pack(tmp_path / "a.zip", "a.jpg", "a.jpg"))
    path = pack(tmp_path / "b.zip", "a.jpg", "img_align_celeba/a.jpg")
    with pytest.raises(InputError, match=r"has both a\.jpg and img_align_celeba/a\.jpg"):
        _archive.pictures(path, "img_align_celeba")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04half", b"<html>"])
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "img_align_celeba.zip").write_bytes(data)
    done = gazebench("build-dataset", tmp_path / "img_align_celeba.zip", tmp_path / "out")
    assert done.exit_code == 3
    assert "is not a whole ZIP archive" in done.output


def test_an_archive_of_other_things_is_said(tmp_path: Path) -> None:
    done = gazebench("build-dataset", pack(tmp_path / "a.zip", "a.txt"), tmp_path / "out")
    assert done.exit_code == 3
    pack(tmp_path / "img_align_celeba.zip", "a.txt")
    done = gazebench("build-dataset", tmp_path, tmp_path / "out")
    assert "holds no picture in img_align_celeba/" in done.output


def refusal(path: Path, name: str) -> str:
    with pytest.raises(PictureError) as error:
        read_bytes(path, name)
    return error.value.code


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "a.jpg", "b.jpg")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"picture", b"pictuse", 1))  # its checksum tells
    assert refusal(path, "a.jpg") == "damaged"
    assert read_bytes(path, "b.jpg") == b"picture"
    assert refusal(path, "c.jpg") == "unreadable"


def test_members_that_grow_too_much_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(10**6))
        archive.writestr("empty.jpg", b"")
    assert refusal(path, "bomb.jpg") == "too_large"
    assert refusal(path, "empty.jpg") == "empty"


def test_a_member_over_the_limit_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 7)
    assert refusal(pack(tmp_path / "a.zip", "a.jpg"), "a.jpg") == "too_large"


def test_a_changed_archive_is_read_anew(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "a.jpg")
    assert read_bytes(path, "a.jpg") == b"picture"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"another one")
    os.utime(path, ns=(1, 1))
    assert read_bytes(path, "a.jpg") == b"another one"
    path.unlink()
    assert refusal(path, "a.jpg") == "unreadable"
