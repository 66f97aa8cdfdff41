import hashlib
import importlib
import json
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from build_runs import gazebench
from PIL import Image

from gazebench import exports, store
from gazebench.curation import align
from gazebench.curation.publish import QUARANTINE_COLUMNS
from gazebench.curation.tally import Tree
from gazebench.dataset import Manifest, Split, csv_text, manifest_csv, read_csv
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError
from gazebench.exports import webdataset as shards

LAYOUTS = ["celebgaze", "hf-folder", "parquet", "webdataset"]


def export(dataset: Path, out: Path, to: str, *flags: str, code: int = 0) -> str:
    """What the command says."""
    result = gazebench("export", dataset, out, "--to", to, "--quiet", *flags)
    assert result.exit_code == code, result.output
    return result.output


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_every_layout_is_found_by_its_file_name() -> None:
    assert [name.replace("_", "-") for name in exports.plugins.names(exports)] == LAYOUTS
    for name in LAYOUTS:
        assert exports.load(exports, name).title


@pytest.mark.parametrize("flag", ["--with-pixels", "--without-pixels"])
@pytest.mark.parametrize("to", LAYOUTS)
def test_the_same_dataset_gives_the_same_bytes(
    to: str, flag: str, small_dataset: Path, tmp_path: Path
) -> None:
    export(small_dataset, tmp_path / "a", to, flag)
    export(small_dataset, tmp_path / "b", to, flag)
    files = contents(tmp_path / "a")
    assert files == contents(tmp_path / "b")
    assert {"export.json"} < files.keys()
    assert not {".lock", "unfinished.json"} & files.keys()
    assert not any(str(tmp_path).encode() in data for data in files.values())


@pytest.mark.parametrize("to", LAYOUTS)
def test_pixels_of_a_source_not_known_to_be_free_stay_behind(
    to: str, small_dataset: Path, tmp_path: Path
) -> None:
    assert "without pixels" in export(small_dataset, tmp_path / "out", to)
    files = contents(tmp_path / "out")
    assert not exports.read_description(tmp_path / "out").with_pixels
    for data in files.values():
        assert b"\x89PNG" not in data
        assert b"JFIF" not in data


def test_asked_for_pixels_travel_with_a_warning(small_dataset: Path, tmp_path: Path) -> None:
    said = gazebench("export", small_dataset, tmp_path, "--to", "hf-folder", "--with-pixels")
    assert "do not redistribute them" in said.stderr
    assert "do not redistribute them" in (tmp_path / "README.md").read_text()


def test_pixels_of_a_free_source_travel_by_themselves(dataset: Path, tmp_path: Path) -> None:
    edit(dataset / "dataset.json", source="drawn")
    assert "Free to redistribute" in export(dataset, tmp_path / "out", "hf-folder")
    assert list(tmp_path.glob("out/train/*.png"))


def test_an_unknown_source_is_not_taken_for_free() -> None:
    assert exports.is_free("drawn")
    assert not any(map(exports.is_free, ("celeba", "celeba_hq", "folder", "brought-along")))


def test_a_source_may_say_that_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_sources").mkdir()
    (tmp_path / "toy_sources" / "__init__.py").write_text("")
    text = "class Toy:\n    redistributable = {}\n    def recognises(self): ...\n"
    (tmp_path / "toy_sources" / "open.py").write_text(text.format(True))
    (tmp_path / "toy_sources" / "closed.py").write_text(text.format(False))
    monkeypatch.syspath_prepend(tmp_path)
    layouts = importlib.import_module("toy_sources")
    assert exports.is_free("open", layouts)
    assert not exports.is_free("closed", layouts)


@pytest.fixture
def named(dataset: Path) -> Path:
    """The dataset, all portraits of one person."""
    table = pd.read_csv(dataset / "manifest.csv", dtype=str).assign(identity="person 7")
    table.to_csv(dataset / "manifest.csv", index=False)
    return dataset


def test_identities_stay_where_the_pixels_stay(named: Path, tmp_path: Path) -> None:
    export(named, tmp_path / "out", "parquet")
    assert not any("person 7" in str(data) for data in contents(tmp_path / "out").values())
    export(named, tmp_path / "mine", "parquet", "--with-pixels")
    assert pd.read_parquet(tmp_path / "mine" / "train.parquet")["identity"].eq("person 7").all()


def released_window(center: int, size: int) -> tuple[int, int]:
    """First and one past the last pixel, as the code released with Zhang et al. (2020)."""
    return int(center - size / 2), int(center + size / 2)


def test_celebgaze_lists_give_the_released_code_our_eye_boxes(
    small_dataset: Path, tmp_path: Path
) -> None:
    export(small_dataset, tmp_path / "out", "celebgaze")
    manifest = Manifest.load(small_dataset)
    lines = "".join((tmp_path / f"out/{name}.txt").read_text() for name in "01").splitlines()
    assert len(lines) == len(manifest.portraits)
    for line in lines:
        id_, *numbers = line.split(" ")
        for (x, y), box in zip(
            np.reshape(numbers, (2, 2)).astype(int), manifest.by_id[id_].eyes, strict=True
        ):
            (left, right), (top, bottom) = released_window(x, 50), released_window(y, 30)
            assert Box(left, top, right, bottom) == box


def test_celebgaze_has_x_in_1_and_the_test_half_last(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "celebgaze", "--with-pixels")
    by_id = Manifest.load(small_dataset).by_id
    for name, domain in (("0", "Y"), ("1", "X")):
        ids = [line.split()[0] for line in (tmp_path / f"{name}.txt").read_text().splitlines()]
        assert {by_id[id_].domain for id_ in ids} == {domain}
        halves = [by_id[id_].split for id_ in ids]
        assert halves == sorted(halves, key=lambda half: half == Split.TEST)
        assert sorted(p.stem for p in (tmp_path / name).iterdir()) == sorted(ids)
        assert f"last {halves.count(Split.TEST)}" in (tmp_path / "README.txt").read_text()


def test_gazebench_reads_its_own_celebgaze_back(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path / "out", "celebgaze", "--with-pixels")
    words = ("--source-type", "celebgaze", "--res", 256, "--quiet")
    result = gazebench("build-dataset", tmp_path / "out", tmp_path / "again", *words)
    assert result.exit_code == 0, result.output
    again = Manifest.load(tmp_path / "again")
    assert {p.id: (p.eyes, p.domain) for p in again.portraits} == {
        p.id: (p.eyes, p.domain) for p in Manifest.load(small_dataset).portraits
    }


def test_celebgaze_pictures_are_near_the_portraits(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "celebgaze", "--with-pixels")
    for path in tmp_path.glob("?/*.jpg"):
        jpeg = np.asarray(read_picture(path), np.float64)
        portrait = np.asarray(read_picture(small_dataset / "images" / f"{path.stem}.png"))
        assert jpeg.shape == (256, 256, 3)
        assert np.abs(jpeg - portrait).mean() < 2


def test_celebgaze_needs_labels(dataset: Path, tmp_path: Path) -> None:
    (dataset / "labels.csv").unlink()
    assert "gazebench label import" in export(dataset, tmp_path / "out", "celebgaze", code=3)
    assert not (tmp_path / "out").exists()


def rename(dataset: Path, new: str) -> None:
    """Give the first portrait another id."""
    old = Manifest.load(dataset).portraits[0].id
    (dataset / "images" / f"{old}.png").rename(dataset / "images" / f"{new}.png")
    for name in ("manifest.csv", "labels.csv"):
        text = (dataset / name).read_text()
        (dataset / name).write_text(text.replace(f"\n{old},", f"\n{new},"))


# webdataset's own: it leaves the shards it has read to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader:ResourceWarning")
def test_the_webdataset_library_reads_the_shards(dataset: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    rename(dataset, "two.dots.here")
    export(dataset, tmp_path / "out", "webdataset", "--with-pixels")
    found = {}
    for half in ("train", "test"):
        urls = [str(path) for path in sorted(tmp_path.glob(f"out/{half}-*.tar"))]
        for sample in webdataset.WebDataset(urls, shardshuffle=False):
            facts = json.loads(sample["json"])
            assert facts["split"] == half
            found[facts["id"]] = sample["png"]
    manifest = Manifest.load(dataset)
    assert found == {p.id: manifest.path(p).read_bytes() for p in manifest.portraits}
    assert "two.dots.here" in found


def members(path: Path) -> list[str]:
    """Names in a tar file."""
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_shards_stay_below_their_limit(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MAX_BYTES", 400_000)
    export(small_dataset, tmp_path, "webdataset", "--with-pixels")
    tars = sorted(tmp_path.glob("train-*.tar"))
    assert len(tars) > 2
    assert all(path.stat().st_size <= 400_000 for path in tars)
    names = [name for path in tars for name in members(path)]
    train = Manifest.load(small_dataset).select(split=Split.TRAIN)
    assert names == [f"{p.id}.{ending}" for p in train for ending in ("png", "json")]


def test_tar_members_have_no_time_and_no_owner(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "webdataset")
    with tarfile.open(tmp_path / "test-000000.tar") as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")


def test_parquet_has_the_manifest_the_domain_and_the_png(
    small_dataset: Path, tmp_path: Path
) -> None:
    export(small_dataset, tmp_path, "parquet", "--with-pixels")
    halves = [pd.read_parquet(tmp_path / f"{half}.parquet") for half in ("train", "test")]
    table = pd.concat(halves).set_index("id").sort_index()
    texts = dict.fromkeys(("id", "identity", "near_duplicate"), str)
    expected = pd.read_csv(small_dataset / "manifest.csv", dtype=texts).set_index("id").sort_index()
    for column in expected:
        assert table[column].fillna("").tolist() == expected[column].fillna("").tolist()
    manifest = Manifest.load(small_dataset)
    for id_, row in table.iterrows():
        portrait = manifest.by_id[str(id_)]
        assert row["domain"] == portrait.domain
        assert row["image"] == manifest.path(portrait).read_bytes()


def test_parquet_without_its_library_names_the_extra(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    said = export(small_dataset, tmp_path / "out", "parquet", code=8)
    assert "pip install 'gazebench[export]'" in said
    assert not (tmp_path / "out").exists()


def test_hf_folder_lists_every_picture_of_its_half(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "hf-folder", "--with-pixels")
    by_id = Manifest.load(small_dataset).by_id
    for half in ("train", "test"):
        rows = [row for _, row in read_csv(tmp_path / half / "metadata.csv", ("file_name",))]
        pictures = {path.name for path in (tmp_path / half).glob("*.png")}
        assert {row["file_name"] for row in rows} == pictures
        for row in rows:
            portrait = by_id[row["file_name"].removesuffix(".png")]
            data = (tmp_path / half / row["file_name"]).read_bytes()
            assert portrait.split == half
            assert row["domain"] == portrait.domain
            assert row["sha256"] == portrait.sha256 == hashlib.sha256(data).hexdigest()
            assert int(row["left_eye_top"]) == portrait.left_eye.top


@pytest.mark.parametrize("name", ["plain", 'a: "b" # c\n- {d}', "ö\x7f\u2028'"])
def test_the_head_of_the_hf_card_is_yaml(name: str, dataset: Path, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    edit(dataset / "dataset.json", name=name)
    export(dataset, tmp_path / "out", "hf-folder")
    _, head, _ = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["pretty_name"] == name
    paths = [part["path"] for part in facts["configs"][0]["data_files"]]
    assert paths == ["train/metadata.csv", "test/metadata.csv"]


@pytest.fixture
def described(dataset: Path, tmp_path: Path) -> Path:
    """The folder of an export whose dataset has a quarantined face and an unsure label."""
    line = 'worst,worst.jpg,no_face,"no face, found"\n'
    with (dataset / "quarantine.csv").open("a") as file:
        file.write(line)
    first = Manifest.load(dataset).portraits[0]
    labels = (dataset / "labels.csv").read_text()
    (dataset / "labels.csv").write_text(
        labels.replace(f"{first.id},{first.domain}\n", f"{first.id},unsure\n")
    )
    export(dataset, tmp_path / "out", "parquet")
    return tmp_path / "out"


def test_the_lists_of_the_dataset_come_back_from_its_description(
    described: Path, dataset: Path
) -> None:
    description = exports.read_description(described / "export.json")
    portraits = [row.portrait for row in description.portraits]
    text = manifest_csv(portraits)
    assert text == (dataset / "manifest.csv").read_text()
    rows = [[getattr(row, c) for c in QUARANTINE_COLUMNS] for row in description.quarantine]
    quarantine = csv_text(QUARANTINE_COLUMNS, rows)
    assert quarantine == (dataset / "quarantine.csv").read_text()
    manifest = Manifest.load(dataset)
    labels = {row.id: row.label for row in description.portraits if row.label}
    assert labels[manifest.portraits[0].id] == "unsure"
    assert manifest.with_labels(labels).fingerprint == description.dataset.fingerprint


def test_the_tree_hash_comes_back_too(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "celebgaze")
    description = exports.read_description(tmp_path)
    tree, portraits = Tree(), [row.portrait for row in description.portraits]
    for portrait in portraits:
        tree.add(portrait)
    lists = (manifest_csv(portraits), csv_text(QUARANTINE_COLUMNS, []))
    found = tree.hash(*(hashlib.sha256(text.encode()).hexdigest() for text in lists))
    assert found == description.dataset.tree_hash


def test_source_and_transform_are_enough_to_cut_a_portrait_again(
    small_dataset: Path, small_faces: Path, tmp_path: Path
) -> None:
    export(small_dataset, tmp_path, "celebgaze")
    description = exports.read_description(tmp_path)
    side = description.dataset.resolution
    for row in description.portraits:
        path = small_faces / row.source_name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.source_sha256
        back = align.invert(row.transform)
        center = align.apply(back, Point(side / 2 - 0.5, side / 2 - 0.5))
        edge = align.apply(back, Point(side - 0.5, side / 2 - 0.5))
        square = align.Square(center, Point(edge.x - center.x, edge.y - center.y))
        portrait = align.cut(read_picture(path), square, side)
        png = Image.open(small_dataset / "images" / f"{row.id}.png")
        assert np.array_equal(np.asarray(portrait), np.asarray(png))


def damaged(text: str) -> dict[str, str]:
    """A good description, spoilt in many ways."""
    values = json.loads(text)
    first, second, *_ = values["portraits"]

    def with_first(**changes: Any) -> str:
        return json.dumps({**values, "portraits": [{**first, **changes}, *values["portraits"][1:]]})

    return {
        "truncated": text[:-100],
        "no JSON": "<html></html>",
        "another format": json.dumps({**values, "format": 2}),
        "an unknown key": json.dumps({**values, "extra": 1}),
        "a missing key": json.dumps({k: v for k, v in values.items() if k != "dataset"}),
        "a lost portrait": json.dumps({**values, "portraits": values["portraits"][1:]}),
        "a portrait twice": with_first(id=second["id"].upper()),
        "an id that is a path": with_first(id="../escape"),
        "an unknown key of a portrait": with_first(extra=1),
        "a number as text": with_first(faces="1"),
        "a short sha256": with_first(sha256="abc"),
        "an unknown label": with_first(label="Z"),
        "not a number": with_first(transform=[float("nan"), 0.0, 0.0, 0.0, 1.0, 0.0]),
        "no way back": with_first(transform=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        "a box outside": with_first(left_eye=[-1, 0, 49, 30]),
        "a box of another size": with_first(left_eye=[0, 0, 51, 30]),
        "boxes on each other": with_first(left_eye=first["right_eye"]),
        "an unknown measure": with_first(measures={"beauty": 1.0}),
    }


DAMAGES = [
    "truncated", "no JSON", "another format", "an unknown key", "a missing key",
    "a lost portrait", "a portrait twice", "an id that is a path", "an unknown key of a portrait",
    "a number as text", "a short sha256", "an unknown label", "not a number", "no way back",
    "a box outside", "a box of another size", "boxes on each other", "an unknown measure",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_description_is_refused(damage: str, described: Path) -> None:
    path = described / "export.json"
    path.write_text(damaged(path.read_text())[damage])
    with pytest.raises(InputError, match=r"export\.json: "):
        exports.read_description(path)


def test_a_missing_description_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gazebench export"):
        exports.read_description(tmp_path)


def test_a_dataset_with_an_unknown_label_is_a_sentence(dataset: Path, tmp_path: Path) -> None:
    text = (dataset / "labels.csv").read_text()
    (dataset / "labels.csv").write_text(text.replace(",X\n", ",maybe\n", 1))
    said = export(dataset, tmp_path / "out", "parquet", code=3)
    assert "label: Input should be 'X', 'Y', 'unsure', 'reject' or 'ambiguous'" in said
    assert "gazebench verify" in said


def test_every_label_that_finalize_writes_is_exported(dataset: Path, tmp_path: Path) -> None:
    text = (dataset / "labels.csv").read_text()
    (dataset / "labels.csv").write_text(text.replace(",X\n", ",ambiguous\n", 1))
    export(dataset, tmp_path / "out", "parquet")
    described = exports.read_description(tmp_path / "out").portraits
    assert Counter(portrait.label for portrait in described)["ambiguous"] == 1


def test_a_folder_with_other_files_is_not_touched(small_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "holds other files" in export(small_dataset, tmp_path, "parquet", code=3)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_export_into_the_dataset_is_refused(dataset: Path) -> None:
    before = contents(dataset)
    assert "is inside the dataset" in export(dataset, dataset / "out", "parquet", code=3)
    assert contents(dataset) == before


def test_another_export_is_refused_with_the_difference(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "parquet")
    before = contents(tmp_path)
    said = export(small_dataset, tmp_path, "parquet", "--with-pixels", code=7)
    assert "with pixels: False → True" in said
    assert "layout: parquet → hf-folder" in export(small_dataset, tmp_path, "hf-folder", code=7)
    assert contents(tmp_path) == before


def test_other_labels_are_another_export(dataset: Path, tmp_path: Path) -> None:
    export(dataset, tmp_path / "out", "parquet")
    text = (dataset / "labels.csv").read_text()
    (dataset / "labels.csv").write_text(text.replace(",X\n", ",unsure\n", 1))
    assert "fingerprint: " in export(dataset, tmp_path / "out", "parquet", code=7)


def test_a_finished_export_is_left_alone(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "hf-folder", "--with-pixels")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert "nothing to do" in export(small_dataset, tmp_path, "hf-folder", "--with-pixels")
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert {p: t for p, t in after.items() if p.is_file()} == {
        p: t for p, t in times.items() if p.is_file()
    }


@pytest.mark.parametrize("to", LAYOUTS)
def test_a_changed_image_stops_the_export_which_then_goes_on(
    to: str, dataset: Path, tmp_path: Path
) -> None:
    export(dataset, tmp_path / "whole", to, "--with-pixels")
    manifest = Manifest.load(dataset)
    image = manifest.path(manifest.select(split=Split.TEST)[-1])
    good = image.read_bytes()
    image.write_bytes(good[:-20] + bytes(20))
    said = export(dataset, tmp_path / "out", to, "--with-pixels", code=3)
    assert "gazebench verify" in said
    there = contents(tmp_path / "out")
    assert "unfinished.json" in there
    assert "export.json" not in there
    image.write_bytes(good)
    export(dataset, tmp_path / "out", to, "--with-pixels")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_a_killed_export_left_is_swept(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path / "whole", "hf-folder", "--with-pixels")
    export(small_dataset, tmp_path / "out", "hf-folder", "--with-pixels")
    (tmp_path / "out" / "export.json").rename(tmp_path / "out" / "unfinished.json")
    (tmp_path / "out" / "test" / ".partial-1-a.png").write_bytes(b"half")
    next((tmp_path / "out" / "test").glob("*.png")).unlink()
    export(small_dataset, tmp_path / "out", "hf-folder", "--with-pixels")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_lost_file_is_made_again(small_dataset: Path, tmp_path: Path) -> None:
    export(small_dataset, tmp_path, "parquet")
    before = contents(tmp_path)
    (tmp_path / "test.parquet").unlink()
    export(small_dataset, tmp_path, "parquet")
    assert contents(tmp_path) == before


def test_two_at_once_in_one_folder_is_refused(small_dataset: Path, tmp_path: Path) -> None:
    with store.locked(tmp_path):
        assert "is writing here" in export(small_dataset, tmp_path, "parquet", code=6)


def test_a_file_filled_piece_by_piece_appears_when_it_is_whole(tmp_path: Path) -> None:
    with store.new_file(tmp_path / "deep" / "file") as file:
        file.write(b"one")
        assert not (tmp_path / "deep" / "file").exists()
        file.write(b"two")
    assert contents(tmp_path) == {"deep/file": b"onetwo"}


def test_a_file_whose_filling_fails_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with store.new_file(tmp_path / "file") as file:
            file.write(b"one")
            raise InputError("the source ended")

    with pytest.raises(InputError):
        fill()
    assert contents(tmp_path) == {}
