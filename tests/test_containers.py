"""Pictures that are read inside tar archives, Kaggle's ZIP archive and Parquet tables."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from build_runs import build, gazebench, tree_hash
from PIL import Image

from gazebench import sources
from gazebench.dataset import Manifest, containers
from gazebench.dataset.attributes import ATTRIBUTES
from gazebench.dataset.pictures import PictureError, read_bytes
from gazebench.errors import InputError
from gazebench.sources.celeba import LANDMARKS, CelebA
from gazebench.sources.parquet import Parquet

pa: Any = pytest.importorskip("pyarrow")
pq: Any = pytest.importorskip("pyarrow.parquet")

POINTS = "195 240 320 240 0 0 0 0 0 0"


@pytest.fixture
def celeba(faces: Path, tmp_path: Path) -> Path:
    """Four portraits in CelebA's layout, with eyes and people."""
    images = tmp_path / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{n:06}.jpg" for n in range(1, 5)]
    for name, path in zip(names, sorted(faces.iterdir()), strict=False):
        (images / name).write_bytes(path.read_bytes())
    points = "".join(f"{name} {POINTS}\n" for name in names)
    text = f"4\n{' '.join(LANDMARKS)}\n{points}"
    (images.parent / "list_landmarks_align_celeba.txt").write_text(text)
    people = "".join(f"{name} {n // 2}\n" for n, name in enumerate(names))
    (images.parent / "identity_CelebA.txt").write_text(people)
    return images.parent


def packed(folder: Path, path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, arcname=folder.name)
    return path


FLAGS = ("--landmarks", "listed", "--workers", 2)


def test_a_tar_archive_gives_the_dataset_of_its_folder(celeba: Path, tmp_path: Path) -> None:
    assert build(celeba, tmp_path / "one", *FLAGS).exit_code == 0
    images = celeba / "img_align_celeba"
    packed(images, celeba / "img_align_celeba.tar")
    for path in images.iterdir():
        path.unlink()
    images.rmdir()
    for place, root in enumerate((celeba, celeba / "img_align_celeba.tar")):
        assert sources.locate(sources, root)[0] == "celeba"
        done = build(root, out := tmp_path / f"out{place}", *FLAGS)
        assert "4 found = 4 portraits" in done.output, done.output
        assert tree_hash(out) == tree_hash(tmp_path / "one")


def test_the_archive_of_kaggle_is_read_with_its_lists(celeba: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in sorted(celeba.rglob("*.jpg")):
            archive.write(path, f"img_align_celeba/img_align_celeba/{path.name}")
        header = "image_id,partition\n"
        rows = "".join(f"{n:06}.jpg,{n % 3}\n" for n in range(1, 5))
        archive.writestr("list_eval_partition.csv", header + rows)
        archive.write(celeba / "list_landmarks_align_celeba.txt", "list_landmarks_align_celeba.txt")
    root = tmp_path / "archive.zip"
    assert sources.locate(sources, root)[0] == "celeba"
    faces = list(CelebA(root).faces())
    assert [(f.id, f.partition) for f in faces] == [
        ("000001", "val"), ("000002", "test"), ("000003", "train"), ("000004", "val"),
    ]  # fmt: skip
    assert all(face.eyes for face in faces)
    done = build(root, tmp_path / "out", *FLAGS)
    assert "4 found = 4 portraits" in done.output, done.output


def test_a_damaged_list_in_an_archive_is_named(tmp_path: Path) -> None:
    root = tmp_path / "archive.zip"
    with zipfile.ZipFile(root, "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", b"picture")
        archive.writestr("list_eval_partition.csv", "image_id,partition\n000001.jpg,7\n")
    with pytest.raises(InputError, match=r"archive\.zip/list_eval_partition\.csv, line 2"):
        CelebA(root)


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("lists", ["", "Anno/", "CelebA/Anno/"])
def test_lists_are_read_in_the_archive_of_the_pictures(
    celeba: Path, tmp_path: Path, kind: str, lists: str
) -> None:
    inside = {path: path.name for path in celeba.glob("*.txt")}
    inside = {path: f"{lists}{name}" for path, name in inside.items()}
    top = "CelebA/Img/" if "CelebA" in lists else ""
    inside |= {path: f"{top}img_align_celeba/{path.name}" for path in celeba.rglob("*.jpg")}
    root = archive_of(inside, tmp_path / f"mine.{kind}")
    assert sources.locate(sources, root)[0] == "celeba"
    source = CelebA(root)
    faces = list(source.faces())
    assert [face.identity for face in faces] == ["0", "0", "1", "1"]
    assert all(face.eyes for face in faces)
    assert not any("identity_CelebA" in remark for remark in source.remarks())
    if not lists:
        done = build(root, tmp_path / "out", *FLAGS)
        assert "4 found = 4 portraits" in done.output, done.output


def archive_of(inside: dict[Path, str], path: Path) -> Path:
    """An archive of files under other names."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file, name in inside.items():
                archive.write(file, name)
        return path
    with tarfile.open(path, "w") as archive:
        for file, name in inside.items():
            archive.add(file, f"./{name}")
    return path


def test_a_damaged_list_in_a_tar_archive_is_named(celeba: Path, tmp_path: Path) -> None:
    (celeba / "identity_CelebA.txt").write_text("000001.jpg 1\n000002.jpg x\n")
    root = packed(celeba, tmp_path / "mine.tar")
    shutil.rmtree(celeba)
    with pytest.raises(InputError, match=r"mine\.tar/celeba/identity_CelebA\.txt, line 2"):
        CelebA(root)


def tar_with(path: Path, info: tarfile.TarInfo, data: bytes = b"") -> Path:
    with tarfile.open(path, "w") as archive:
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return path


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (tarfile.TarInfo("../000001.jpg"), "leads out of the archive"),
        (tarfile.TarInfo("/000001.jpg"), "leads out of the archive"),
        (link("000001.jpg"), "is a link or a device"),
        (tarfile.TarInfo("a\\b.jpg"), "has a backslash"),
    ],
)
def test_a_tar_archive_that_is_not_safe_is_refused(tmp_path, info, words) -> None:
    path = tar_with(tmp_path / "img_align_celeba.tar", info)
    with pytest.raises(InputError, match=words):
        list(containers.tar_members(path))


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b" + bytes(600)])
def test_what_is_no_tar_archive_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "img_align_celeba.tar").write_bytes(data)
    done = gazebench("build-dataset", tmp_path / "img_align_celeba.tar", tmp_path / "out")
    assert done.exit_code == 3, done.output
    assert "tar archive" in done.output or "holds no picture" in done.output


def test_a_compressed_archive_says_to_unpack_it(celeba: Path) -> None:
    packed(celeba / "img_align_celeba", path := celeba / "img_align_celeba.tar", "w:gz")
    with pytest.raises(InputError, match=r"a compressed one must be unpacked \(tar xf\)"):
        list(containers.tar_members(path))


def test_an_archive_that_was_cut_is_told_of_its_pictures(celeba: Path) -> None:
    packed(celeba / "img_align_celeba", path := celeba / "img_align_celeba.tar")
    last = list(containers.tar_members(path))[-1]
    offset = int(last.address.rpartition("@")[2].partition("+")[0])
    path.write_bytes(path.read_bytes()[: offset + 10])
    with pytest.raises(PictureError, match="damaged in the archive") as error:
        read_bytes(path, last.address)
    assert error.value.code == "damaged"


def test_members_of_a_tar_archive_have_limits(tmp_path: Path, monkeypatch) -> None:
    path = tar_with(tmp_path / "a.tar", tarfile.TarInfo("a.jpg"), b"picture")
    (member,) = containers.tar_members(path)
    assert read_bytes(path, member.address) == b"picture"
    monkeypatch.setattr("gazebench.dataset.pictures.MAX_BYTES", 7)
    with pytest.raises(PictureError) as error:
        read_bytes(path, member.address)
    assert error.value.code == "too_large"


# Parquet


def table(faces: Path, count: int, *, struct: bool = True, **columns: list[Any]) -> Any:
    paths = sorted(faces.iterdir())[:count]
    data = [path.read_bytes() for path in paths]
    images = [{"bytes": d, "path": p.name} for d, p in zip(data, paths, strict=True)]
    return pa.table({"label": [0] * count, "image": images if struct else data, **columns})


@pytest.mark.parametrize("struct", [True, False])
def test_tables_of_hugging_face_become_a_dataset(faces: Path, tmp_path: Path, struct: bool) -> None:
    (tmp_path / "hf" / "data").mkdir(parents=True)
    for half, start in (("train", 0), ("test", 4)):
        rows = table(faces, 8, struct=struct, celeb_id=[n // 2 for n in range(8)])
        path = tmp_path / "hf" / "data" / f"{half}-00000-of-00001.parquet"
        pq.write_table(rows.slice(start, 4), path, row_group_size=3)
    assert sources.locate(sources, tmp_path / "hf")[0] == "parquet"
    flags = ("--split", "partition", "--workers", 2)
    done = build(tmp_path / "hf", out := tmp_path / "out", *flags)
    assert "8 found = 8 portraits (4 train, 4 test)" in done.output, done.output
    portraits = Manifest.load(out).portraits
    assert portraits[0].id == "test-00000-of-00001-000000"
    assert portraits[0].source_name == "test-00000-of-00001.parquet/000000"
    assert [p.identity for p in portraits] == ["2", "2", "3", "3", "0", "0", "1", "1"]


def test_each_row_is_the_picture_of_its_row(faces: Path, tmp_path: Path) -> None:
    pq.write_table(table(faces, 12), path := tmp_path / "a.parquet", row_group_size=5)
    found = list(Parquet(path).faces())
    expected = [p.read_bytes() for p in sorted(faces.iterdir())]
    assert [read_bytes(face.path, face.member) for face in found] == expected
    backwards = [read_bytes(face.path, face.member) for face in reversed(found)]
    assert backwards == expected[::-1]
    assert "identities are unknown" in Parquet(path).remarks()[0]
    for wrong in ("image@0:5", "image@9:0", "other@0:0"):
        with pytest.raises(PictureError):
            read_bytes(path, wrong)


def test_attributes_of_a_table_are_kept(faces: Path, tmp_path: Path) -> None:
    values: dict[str, Any] = {name: [name == "Male", False] for name in ATTRIBUTES}
    pq.write_table(table(faces, 2, **values), path := tmp_path / "a.parquet")
    bits = [face.attributes for face in Parquet(path).faces()]
    assert bits == [1 << ATTRIBUTES.index("Male"), 0]


def test_a_table_without_pictures_and_what_is_no_table_are_said(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"has no column of pictures .*; it has: a, b"):
        Parquet(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        Parquet(tmp_path / "a.parquet")


def test_row_groups_that_fill_the_memory_are_refused(
    faces: Path, tmp_path: Path, monkeypatch
) -> None:
    pq.write_table(table(faces, 2), tmp_path / "a.parquet")
    monkeypatch.setattr(containers, "_MOST_BYTES", 1000)
    with pytest.raises(InputError, match="write it again with smaller row groups"):
        Parquet(tmp_path / "a.parquet")


def test_an_empty_cell_is_a_face_in_quarantine(faces: Path, tmp_path: Path) -> None:
    images = [
        {"bytes": None, "path": "a"},
        {"bytes": next(faces.iterdir()).read_bytes(), "path": ""},
    ]
    pq.write_table(pa.table({"image": images}), tmp_path / "a.parquet")
    done = build(tmp_path / "a.parquet", tmp_path / "out")
    assert "2 found = 1 portrait (" in done.output, done.output
    assert "empty" in (tmp_path / "out" / "quarantine.csv").read_text()


def test_pictures_of_any_folder_win_over_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    (tmp_path / "notes.tar").write_bytes(b"x")
    assert sources.locate(sources, tmp_path)[0] == "folder"
