"""A dataset made again from an export without pixels and one's own copy of the source."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from build_runs import build, gazebench, interrupted, tree_hash
from click.testing import Result
from PIL import Image

from gazebench import __version__
from gazebench.curation.settings import RECIPE
from gazebench.dataset import Manifest, read_csv, read_labels
from gazebench.sources.celeba import LANDMARKS
from gazebench.store import locked

LAYOUTS = ["celebgaze", "hf-folder", "parquet", "webdataset"]
SMALL = ("--landmarks", "listed", "--res", 64, "--window", "8x12", "--quiet", "--workers", 1)
ASKED = (*SMALL, "--test-fraction", 0.4)
PICTURES, PORTRAITS = 10, 9


def celeba(portraits: Path, root: Path) -> Path:
    """CelebA of ten pictures with all its lists; the eyes of the first are outside of it."""
    images = root / "Img" / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(PICTURES)]
    for name, path in zip(names, sorted(portraits.glob("*.jpg")), strict=False):
        with Image.open(path) as image:
            image.resize((178, 178)).crop((0, -20, 178, 198)).save(images / name)
    rights = [180, *[118] * (PICTURES - 1)]
    rows = zip(names, rights, strict=True)
    eyes = "".join(f"{name} 60 95 {right} 95 0 0 0 0 0 0\n" for name, right in rows)
    lists = {
        "list_landmarks_align_celeba.txt": f"{PICTURES}\n{' '.join(LANDMARKS)}\n{eyes}",
        "identity_CelebA.txt": "".join(f"{name} {n // 2}\n" for n, name in enumerate(names)),
        "list_eval_partition.txt": "".join(f"{name} {n % 3}\n" for n, name in enumerate(names)),
    }
    (root / "Anno").mkdir()
    for name, text in lists.items():
        (root / "Anno" / name).write_text(text)
    return root


def label(dataset: Path) -> None:
    """X and Y in turns, one unsure, one not labelled."""
    ids = [p.id for p in Manifest.load(dataset).portraits]
    rows = [f"{id_},{'XY'[n % 2]}\n" for n, id_ in enumerate(ids[2:])]
    csv = dataset.with_name("labels-in.csv")
    csv.write_text("".join(["id,label\n", f"{ids[0]},unsure\n", *rows]))
    assert gazebench("label", "import", dataset, csv).exit_code == 0


def export(dataset: Path, out: Path, to: str = "parquet") -> Path:
    done = gazebench("export", dataset, out, "--to", to, "--without-pixels", "--quiet")
    assert done.exit_code == 0, done.output
    return out


def again(source: Path, out: Path, exported: Path, *flags: object) -> Result:
    words = ("--from-export", exported, "--quiet", "--workers", 1)
    return gazebench("build-dataset", source, out, *words, *flags)


def files(dataset: Path) -> dict[str, bytes]:
    """What must be the same: pictures, lists and labels."""
    paths = [*dataset.glob("images/*"), *dataset.glob("masks/*"), *dataset.glob("*.csv")]
    return {str(path.relative_to(dataset)): path.read_bytes() for path in paths}


def reasons(out: Path) -> dict[str, str]:
    return {row["source_name"]: row["reason"] for _, row in read_csv(out / "quarantine.csv", ())}


def edit(exported: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = exported / "export.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.fixture(scope="module")
def made(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with "CelebA", the labelled "dataset" made of it, and its export."""
    root = tmp_path_factory.mktemp("recreate")
    celeba(demo_portraits, root / "CelebA")
    done = gazebench("build-dataset", root / "CelebA", root / "dataset", *ASKED)
    assert done.exit_code == 0, done.output
    label(root / "dataset")
    export(root / "dataset", root / "export")
    return root


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """A copy of the source of one's own."""
    return Path(shutil.copytree(made / "CelebA", tmp_path / "CelebA"))


@pytest.fixture
def exported(made: Path, tmp_path: Path) -> Path:
    """A copy of the export of one's own."""
    return Path(shutil.copytree(made / "export", tmp_path / "export"))


def picture(source: Path, number: int) -> Path:
    return source / "Img" / "img_align_celeba" / f"{number:06}.jpg"


def alter(path: Path) -> None:
    """Write a picture again with another quality."""
    with Image.open(path) as image:
        image.load()
    image.save(path, quality=40)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("to", LAYOUTS)
def test_an_export_gives_its_dataset_back(to: str, workers: int, made: Path, tmp_path: Path):
    dataset = Path(shutil.copytree(made / "dataset", tmp_path / "dataset"))
    before, digest = files(dataset), tree_hash(dataset)
    export(dataset, tmp_path / "out", to)
    shutil.rmtree(dataset)
    done = again(made / "CelebA", dataset, tmp_path / "out", "--workers", workers)
    assert done.exit_code == 0, done.output
    assert "9 of 9 portraits recreated, every sha256 equal" in done.output
    assert "this is the same dataset" in done.output
    assert files(dataset) == before
    assert {"labels.csv", "quarantine.csv", "manifest.csv"} < before.keys()
    assert tree_hash(dataset) == digest


@pytest.mark.parametrize(
    "flags",
    [
        ("--split", "partition"),
        ("--image-format", "webp", "--write-masks"),
        ("--set", "dataset.filter.min_sharpness=60"),
    ],
)
def test_every_setting_comes_from_the_export(flags, made: Path, tmp_path: Path) -> None:
    gazebench("build-dataset", made / "CelebA", tmp_path / "dataset", *ASKED, *flags)
    export(tmp_path / "dataset", tmp_path / "out")
    done = again(made / "CelebA", tmp_path / "again", tmp_path / "out")
    assert "this is the same dataset" in done.output, done.output
    assert files(tmp_path / "again") == files(tmp_path / "dataset")


def test_drawn_portraits_come_back_with_their_random_split(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn"
    gazebench("synthesize", drawn, "--count", 8, "--size", 128, "--quiet", "--workers", 1)
    lots = ("--split", "paper", "--set", "dataset.test_x=1", "--set", "dataset.test_y=2")
    done = gazebench("build-dataset", drawn, tmp_path / "dataset", *SMALL, *lots)
    assert done.exit_code == 0, done.output
    export(tmp_path / "dataset", tmp_path / "out", "webdataset")
    done = again(drawn, tmp_path / "again", tmp_path / "out")
    assert "this is the same dataset" in done.output, done.output
    assert files(tmp_path / "again") == files(tmp_path / "dataset")


def test_a_killed_recreation_goes_on_with_found_landmarks(faces: Path, tmp_path: Path) -> None:
    build(faces, tmp_path / "dataset")
    export(tmp_path / "dataset", tmp_path / "out")
    flags = ("--from-export", str(tmp_path / "out"), "--workers", "1")
    interrupted(faces, tmp_path / "again", 1, signal.SIGKILL, *flags)
    assert not (tmp_path / "again" / "dataset.json").exists()
    done = build(faces, tmp_path / "again", *flags)  # its flags are those of the export
    assert "12 of 12 portraits recreated, every sha256 equal" in done.output, done.output
    assert tree_hash(tmp_path / "again") == tree_hash(tmp_path / "dataset")
    assert "nothing to do" in build(faces, tmp_path / "again", *flags).output


def test_an_archive_serves_as_well_as_its_folder(source, made, tmp_path) -> None:
    images = source / "Img" / "img_align_celeba"
    shutil.make_archive(str(images), "zip", images.parent, images.name)
    shutil.rmtree(images)
    done = again(source, tmp_path / "out", made / "export")
    assert "this is the same dataset" in done.output, done.output


def test_pictures_that_the_export_does_not_list_are_left_out(source, made, tmp_path) -> None:
    shutil.copy(picture(source, 3), picture(source, 99))
    done = again(source, tmp_path / "out", made / "export")
    assert "this is the same dataset" in done.output, done.output


def test_missing_and_other_pictures_are_named_and_tried_again(source, made, tmp_path) -> None:
    out = tmp_path / "out"
    picture(source, 2).unlink()
    alter(picture(source, 4))
    done = again(source, out, made / "export")
    assert done.exit_code == 4, done.output
    assert "'000002.jpg': source_missing: the source has no picture of this name" in done.output
    assert "'000004.jpg': source_differs: sha256 is " in done.output
    assert "7 of 9 portraits recreated, 2 not" in done.output
    assert "built by gazebench" not in done.output  # the libraries are not to blame
    assert reasons(out) == {
        "000000.jpg": "landmark_invalid",
        "000002.jpg": "source_missing",
        "000004.jpg": "source_differs",
    }
    assert len(Manifest.load(out).portraits) == len(list(out.glob("images/*"))) == 7
    tree_hash(out)
    shutil.copytree(made / "CelebA", source, dirs_exist_ok=True)
    done = again(source, out, made / "export")
    assert "this is the same dataset" in done.output, done.output
    assert files(out) == files(made / "dataset")


def test_a_portrait_that_comes_out_otherwise_is_not_kept(made, exported, tmp_path) -> None:
    edit(exported, lambda e: e["portraits"][0].update(sha256="0" * 64))
    edit(exported, lambda e: e["dataset"]["libraries"].update(pillow="9.9.9"))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 4, done.output
    assert "'000001.jpg': portrait_differs: sha256 is " in done.output
    here = f"gazebench {__version__}, recipe {RECIPE}, with pillow "
    assert f"built by {here}9.9.9" in done.output
    assert f"; here are {here}" in done.output
    assert not (tmp_path / "out" / "images" / "000001.png").exists()
    assert "000001" not in read_labels(tmp_path / "out" / "labels.csv")


@pytest.mark.parametrize("eye", ["left_eye", "right_eye"])
def test_an_eye_box_that_comes_out_otherwise_is_named(eye, made, exported, tmp_path) -> None:
    def lower(values: dict[str, Any]) -> None:
        left, top, right, bottom = values["portraits"][0][eye]
        values["portraits"][0][eye] = [left, top + 1, right, bottom + 1]

    edit(exported, lower)
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 4
    assert f"portrait_differs: {eye} is Box(" in done.output


def test_a_half_that_the_lists_contradict_is_named(made, exported, tmp_path) -> None:
    halves = {"train": "test", "test": "train"}
    edit(exported, lambda e: e["portraits"][0].update(split=halves[e["portraits"][0]["split"]]))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 4
    assert "portrait_differs: split is " in done.output


def test_a_recreation_of_nothing_says_why_for_each(source, made, tmp_path) -> None:
    for number in range(1, PICTURES):
        alter(picture(source, number))
    done = again(source, tmp_path / "out", made / "export")
    assert done.exit_code == 4, done.output
    assert "0 of 9 portraits recreated, 9 not" in done.output
    assert list(reasons(tmp_path / "out").values()).count("source_differs") == PORTRAITS
    done = again(made / "CelebA", tmp_path / "out", made / "export")
    assert files(tmp_path / "out") == files(made / "dataset")


def test_only_ten_are_named(source, demo_portraits: Path, tmp_path: Path) -> None:
    faces = [f"{n}.jpg" for n in range(12)]
    (tmp_path / "faces").mkdir()
    for name in faces:
        shutil.copy(picture(source, 3), tmp_path / "faces" / name)
    rows = "".join(f"{name},60,95,118,95\n" for name in faces)
    (tmp_path / "eyes.csv").write_text(f"name,left_x,left_y,right_x,right_y\n{rows}")
    eyes = ("--eyes", tmp_path / "eyes.csv")
    gazebench("build-dataset", tmp_path / "faces", tmp_path / "a", *SMALL, *eyes, "--align", "none")
    export(tmp_path / "a", tmp_path / "out")
    for name in faces:
        alter(tmp_path / "faces" / name)
    done = again(tmp_path / "faces", tmp_path / "b", tmp_path / "out", *eyes)
    assert done.output.count("source_differs: ") == 10
    assert "(2 more and these are in" in done.output
    assert len(reasons(tmp_path / "b")) == 12


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--res", 128), "--res asks for 128 and "),
        (("--window", "10x12"), "--window asks for 10 and "),
        (("--align", "eyes"), "--align asks for eyes and "),
        (("--landmarks", "dlib"), "--landmarks asks for dlib and "),
        (("--split", "partition"), "--split asks for partition and "),
        (("--image-format", "webp"), "--image-format asks for webp and "),
        (("--set", "dataset.filter.min_sharpness=5"), "dataset.filter.min_sharpness asks for 5"),
        (("--source-type", "folder"), "--source-type asks for folder and "),
    ],
)
def test_a_flag_that_contradicts_the_export_is_refused(flags, sentence, made, tmp_path) -> None:
    done = again(made / "CelebA", tmp_path / "out", made / "export", *flags)
    assert done.exit_code == 7, done.output
    assert sentence in done.output
    assert f"{made / 'export'} was made " in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flags", [("--limit", 3), ("--shard", "1/2")])
def test_a_part_of_an_export_is_a_usage_error(flags, made, tmp_path) -> None:
    done = again(made / "CelebA", tmp_path / "out", made / "export", *flags)
    assert done.exit_code == 2
    assert f"{flags[0]} cannot be used with --from-export" in done.output


def newer(values: dict[str, Any]) -> str:
    values["format"] = 2
    return "has format 2, and this gazebench reads format 1"


def traversal(values: dict[str, Any]) -> str:
    values["portraits"][1]["id"] = "../escape"
    return "portraits.1.id: String should match pattern"


def damaged_line(values: dict[str, Any]) -> str:
    values["portraits"][2]["left_eye"] = [3, 4]
    return "portraits.2.left_eye"


def unknown_setting(values: dict[str, Any]) -> str:
    values["dataset"]["settings"]["beauty"] = 3
    return "unknown setting 'dataset.settings.beauty'"


def unknown_source(values: dict[str, Any]) -> str:
    values["dataset"]["source"] = "../../etc"
    return "no '../../etc' in sources"


def contradiction(values: dict[str, Any]) -> str:
    values["dataset"]["settings"]["resolution"] = 128
    return "contradicts itself"


DAMAGES = [newer, traversal, damaged_line, unknown_setting, unknown_source, contradiction]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_export_that_cannot_be_used_is_refused(damage, made, exported, tmp_path) -> None:
    sentences: list[str] = []
    edit(exported, lambda values: sentences.append(damage(values)))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 3, done.output
    assert sentences[0] in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_source_name_that_is_a_path_leads_nowhere(made, exported, tmp_path) -> None:
    shutil.copy(picture(made / "CelebA", 1), tmp_path / "outside.jpg")
    name = "../" * 12 + str(tmp_path / "outside.jpg")[1:]
    edit(exported, lambda e: e["portraits"][0].update(source_name=name))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 4
    assert reasons(tmp_path / "out")[name] == "source_missing"


def test_another_recipe_is_refused_with_the_version_to_take(made, exported, tmp_path) -> None:
    edit(exported, lambda e: e["dataset"].update(recipe=99, gazebench="9.8"))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 7
    assert "built by gazebench 9.8, recipe 99, with " in done.output
    assert "install gazebench 9.8" in done.output


def test_an_export_that_names_no_libraries_can_be_used(made, exported, tmp_path) -> None:
    edit(exported, lambda e: e["dataset"].pop("libraries"))
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert "this is the same dataset" in done.output, done.output


def test_another_kind_of_source_is_refused(faces: Path, made: Path, tmp_path: Path) -> None:
    done = again(faces, tmp_path / "out", made / "export")
    assert done.exit_code == 7
    assert "is not celeba (CelebA, aligned and cropped), of which" in done.output


@pytest.mark.parametrize("split", ["identity", "partition"])
def test_halves_come_from_the_export_where_lists_are_absent(split, made, source, tmp_path) -> None:
    flags = (*ASKED, "--split", split)
    gazebench("build-dataset", made / "CelebA", tmp_path / "dataset", *flags)
    export(tmp_path / "dataset", tmp_path / "out")
    for name in ("identity_CelebA.txt", "list_eval_partition.txt"):
        (source / "Anno" / name).unlink()
    done = again(source, tmp_path / "again", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "the source has no list that gives the halves of the split" in done.output
    assert "every sha256 equal" in done.output
    assert "the tree hash is not the export's: the source has no list of persons" in done.output
    halves = [
        {p.id: p.split for p in Manifest.load(tmp_path / n).portraits} for n in ("dataset", "again")
    ]
    assert halves[0] == halves[1]


def test_labels_that_are_there_stay(made: Path, tmp_path: Path) -> None:
    again(made / "CelebA", tmp_path / "out", made / "export")
    (tmp_path / "out" / "labels.csv").write_text("id,label\n000003,reject\n")
    for flags in ((), ("--overwrite",)):
        done = again(made / "CelebA", tmp_path / "out", made / "export", *flags)
        assert "stays as it is" in done.output, done.output
        assert read_labels(tmp_path / "out" / "labels.csv") == {"000003": "reject"}


def test_another_dataset_is_not_built_over(made, exported, tmp_path) -> None:
    shutil.copytree(made / "dataset", tmp_path / "out")
    done = again(made / "CelebA", tmp_path / "out", exported)
    assert done.exit_code == 7
    assert files(tmp_path / "out") == files(made / "dataset")
    again(made / "CelebA", tmp_path / "other", exported)
    edit(exported, lambda e: e["portraits"][0].update(label="reject"))
    assert again(made / "CelebA", tmp_path / "other", exported).exit_code == 7


def test_two_recreations_in_one_folder_wait(made: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "out"):
        assert again(made / "CelebA", tmp_path / "out", made / "export").exit_code == 6


def test_a_dry_run_says_what_is_missing(source, made, tmp_path) -> None:
    picture(source, 2).unlink()
    done = again(source, tmp_path / "out", made / "export", "--dry-run")
    assert "the source has no picture for 1 of the 9 portraits" in done.output
    assert "resolution = 64" in done.output
    assert not (tmp_path / "out").exists()
