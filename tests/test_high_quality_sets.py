"""CelebA-HQ at other sizes and in StarGAN v2's folders, FFHQ, and what these sets have twice."""

import json
from pathlib import Path

import pytest
from build_runs import build
from PIL import Image

from gazebench import curation, sources
from gazebench.curation.settings import DatasetSettings
from gazebench.curation.twins import together
from gazebench.dataset import Manifest
from gazebench.dataset.attributes import ATTRIBUTES
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import SourceFace, SpooledFaces
from gazebench.sources._known import PAIRS
from gazebench.sources.celeba_hq import CelebAHQ
from gazebench.sources.ffhq import FFHQ

MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"


def pictures(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (64, 64)).save(folder / name)
    return folder


def facts(source: sources.Source) -> list[tuple[str, str | None, str | None]]:
    return [(face.id, face.identity, face.partition) for face in source.faces()]


@pytest.mark.parametrize(
    "name", ["celeba_hq_256", "celeba-hq-512", "CelebAHQ_1024x1024", "CelebA-HQ-img", "celeba_hq"]
)
def test_resized_copies_of_celeba_hq_get_their_people(tmp_path: Path, name: str) -> None:
    images = pictures(tmp_path / name, "00000.jpg", "00001.jpg", "00010.jpg")
    (tmp_path / MAPPING).write_text(
        "idx orig_idx orig_file\n0 2 000003.jpg\n1 0 000001.jpg\n10 1 000002.jpg\n"
    )
    (tmp_path / "identity_CelebA.txt").write_text("000001.jpg 5\n000002.jpg 6\n000003.jpg 5\n")
    expected = [("00000", "5", None), ("00001", "5", None), ("00010", "6", None)]
    for root in (tmp_path, images):
        assert sources.locate(sources, root)[0] == "celeba_hq"
        assert facts(CelebAHQ(root)) == expected


def divided(root: Path, *, male: str = "000001.jpg", female: str = "000002.jpg") -> Path:
    """As StarGAN v2 hands CelebA-HQ on."""
    pictures(root / "train" / "male", male)
    pictures(root / "train" / "female", female)
    pictures(root / "val" / "male", "000003.jpg")
    pictures(root / "val" / "female", "000004.jpg")
    return root


def attributes(root: Path) -> None:
    males = {"000001": 1, "000002": -1, "000003": 1, "000004": -1}
    place = ATTRIBUTES.index("Male")
    rows = [
        f"{name}.jpg {' '.join(str(sex if n == place else -1) for n in range(40))}"
        for name, sex in males.items()
    ]
    (root / "list_attr_celeba.txt").write_text("\n".join(["4", " ".join(ATTRIBUTES), *rows]))


def test_the_folders_of_stargan_v2_are_read(tmp_path: Path) -> None:
    root = divided(tmp_path / "data" / "celeba_hq")
    (root / "identity_CelebA.txt").write_text("".join(f"00000{n}.jpg {n % 2}\n" for n in (1, 2, 3)))
    attributes(root)
    for place in (root, root.parent):
        assert sources.locate(sources, place)[:2] == ("celeba_hq", root)
    source = CelebAHQ(root)
    assert facts(source) == [
        ("000001", "1", "train"), ("000002", "0", "train"),
        ("000003", "1", "test"), ("000004", None, "test"),
    ]  # fmt: skip
    assert [face.name for face in source.faces()][2] == "val/male/000003.jpg"
    assert source.remarks() == ["--split partition takes val/ as the test half"]


def test_names_that_are_not_celebas_get_nobodys_person(tmp_path: Path) -> None:
    root = divided(tmp_path, male="000002.jpg", female="000001.jpg")
    (root / "identity_CelebA.txt").write_text("000001.jpg 1\n000002.jpg 2\n")
    attributes(root)
    assert {face.identity for face in CelebAHQ(root).faces()} == {None}
    assert "the names are not CelebA's: 2 of 4 pictures" in CelebAHQ(root).remarks()[0]


def test_a_number_under_two_folders_gives_two_pictures(tmp_path: Path) -> None:
    root = divided(tmp_path, female="000001.jpg")
    ids = [face.id for face in CelebAHQ(root).faces()]
    assert ids == sorted(set(ids))
    assert "train-male-000001" in ids


def test_without_lists_it_is_said_what_is_lost(tmp_path: Path) -> None:
    remarks = CelebAHQ(pictures(tmp_path / "celeba_hq_256", "0.jpg").parent).remarks()
    assert "mapping.txt not found" in remarks[0]
    assert "people can be in both halves" in remarks[0]
    remarks = CelebAHQ(divided(tmp_path / "celeba_hq")).remarks()
    assert any("identity_CelebA.txt not found" in remark for remark in remarks)


# pictures that are there twice


def plan(root: Path, **settings: object) -> dict[str, SourceFace]:
    made = DatasetSettings(resolution=64, **settings)  # type: ignore[arg-type]
    found = curation.plan(sources, root, made, source=None, limit=None)
    return {face.id: face for face in found.faces}


@pytest.mark.parametrize("people", [False, True])
def test_known_pairs_of_celeba_hq_never_stand_in_both_halves(tmp_path: Path, people: bool) -> None:
    numbers = [number for pair in PAIRS for number in pair] + [5, 2110]
    root = pictures(tmp_path / "CelebA-HQ-img", *(f"{n}.jpg" for n in numbers)).parent
    if people:  # each picture listed as a person of its own
        (root / MAPPING).write_text("".join(f"{n} {n} {n:06}.jpg\n" for n in numbers))
        (root / "identity_CelebA.txt").write_text("".join(f"{n:06}.jpg {n}\n" for n in numbers))
    faces = plan(root)
    for one, other in PAIRS:
        assert faces[str(one)].identity == faces[str(other)].identity is not None
    assert len({face.identity for face in faces.values()}) == len(PAIRS) + (2 if people else 1)
    remarks = " ".join(CelebAHQ(root).remarks())
    assert "13 pairs are one picture twice (234=235, 3329=3330" in remarks
    assert "not aligned: 2110" in remarks
    assert "github.com/switchablenorms/CelebAMask-HQ/issues/84" in remarks


def test_a_pair_that_the_lists_part_goes_to_the_training_half(tmp_path: Path) -> None:
    root = pictures(tmp_path / "CelebA-HQ-img", "234.jpg", "235.jpg", "236.jpg").parent
    (root / MAPPING).write_text("234 0 000001.jpg\n235 1 000002.jpg\n236 2 000003.jpg\n")
    (root / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n000003.jpg 2\n")
    halves = {id_: face.partition for id_, face in plan(root, split="partition").items()}
    assert halves == {"234": "train", "235": "train", "236": "test"}


def test_people_of_one_picture_become_one_person_everywhere(tmp_path: Path) -> None:
    people = {"a": "1", "b": "2", "c": "2", "d": "3", "e": None}
    faces = SpooledFaces(
        SourceFace(id=id_, name=id_, path=tmp_path, identity=person)
        for id_, person in people.items()
    )
    merged = {face.id: face.identity for face in together(faces, [("a", "b"), ("e", "d")])}
    assert merged == {"a": "1", "b": "1", "c": "1", "d": "3", "e": "3"}
    assert together(faces, []) is faces


@pytest.mark.parametrize("split", ["identity", "partition", "paper"])
def test_a_name_in_both_domains_of_celebgaze_is_in_one_half(tmp_path: Path, split: str) -> None:
    names = {"1": [f"x{n}" for n in range(120)], "0": [f"y{n}" for n in range(320)]}
    both = [f"both{n}" for n in range(8)]
    for folder, single in names.items():
        (tmp_path / folder).mkdir()
        listed = both + single if folder == "1" else single + both
        for name in listed:
            (tmp_path / folder / f"{name}.jpg").touch()
        (tmp_path / f"{folder}.txt").write_text("".join(f"{n} 8 30 50 30\n" for n in listed))
    faces = plan(tmp_path, split=split)
    for name in both:
        one, other = faces[f"X-{name}"], faces[f"Y-{name}"]
        assert one.identity == other.identity is not None
        assert one.partition == other.partition
    if split == "paper":
        tested = [face.label for face in faces.values() if face.partition == "test"]
        assert (tested.count("X"), tested.count("Y")) == (100, 300)


# FFHQ


def entry(number: int, folder: str = "in-the-wild-images") -> dict[str, object]:
    points = [[100.0 + n, 200.0 + n] for n in range(68)]
    name = f"{number // 1000 * 1000:05}/{number:05}.png"
    wild = {
        "file_path": f"{folder}/{name}",
        "face_rect": [50, 60, 250, 300],
        "face_landmarks": points,
    }
    return {"category": "training", "in_the_wild": wild}


def ffhq(root: Path, folder: str) -> Path:
    pictures(root / folder / "00000", "00000.png", "00007.png")
    pictures(root / folder / "60000", "60123.png")
    return root


@pytest.mark.parametrize("folder", ["images1024x1024", "thumbnails128x128", "."])
def test_ffhq_is_read_by_its_numbers(tmp_path: Path, folder: str) -> None:
    root = ffhq(tmp_path / "ffhq", folder)
    assert sources.locate(sources, root)[0] == "ffhq"
    assert facts(FFHQ(root)) == [
        ("00000", None, "train"), ("00007", None, "train"), ("60123", None, "test"),
    ]  # fmt: skip
    assert FFHQ(root).alignment == "none"
    assert sources.locate(sources, root.parent)[1] == root


def test_the_face_meant_in_the_wild_comes_from_the_list(tmp_path: Path) -> None:
    root = ffhq(tmp_path, "in-the-wild-images")
    entries = {str(n): entry(n) for n in (0, 7, 60123)}
    (root / "ffhq-dataset-v2.json").write_text(json.dumps(entries, indent=1))
    source = FFHQ(root)
    assert source.alignment == "ffhq"
    face = list(source.faces())[1]
    assert face.eyes == (Point(138.5, 238.5), Point(144.5, 244.5))
    assert face.mouth == Point(151.0, 251.0)
    assert face.box == (50, 60, 200, 240)
    (root / "ffhq-dataset-v2.json").unlink()
    assert "which of several faces is meant is unknown" in FFHQ(root).remarks()[1]


def test_a_long_list_is_read_in_pieces(tmp_path: Path) -> None:
    root = ffhq(tmp_path, "in-the-wild-images")
    entries = {str(n): entry(n) for n in range(2000)}  # over two pieces of a megabyte
    text = json.dumps(entries)
    assert len(text) > 2 << 20
    (root / "ffhq-dataset-v2.json").write_text(text)
    assert sum(face.box is not None for face in FFHQ(root).faces()) == 2
    (root / "ffhq-dataset-v2.json").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"v2\.json: damaged or cut off; download it again"):
        FFHQ(root)


BAD_ENTRIES = {
    "is no JSON object": "[1]",
    "damaged or cut off": '{"0": ',
    "entry 1 ('0'): 'in_the_wild'": '{"0": {}}',
    "entry 1 ('0'): its landmarks are not 68": json.dumps(
        {"0": {"in_the_wild": {"face_landmarks": [[1, 2]], "face_rect": [1, 2, 3, 4]}}}
    ),
    "entry 1 ('0'): could not convert": json.dumps(
        {"0": {"in_the_wild": {"face_landmarks": [["x", 2]], "face_rect": [1, 2, 3, 4]}}}
    ),
}


@pytest.mark.parametrize("sentence", BAD_ENTRIES)
def test_a_damaged_list_of_ffhq_is_a_sentence(tmp_path: Path, sentence: str) -> None:
    root = ffhq(tmp_path, "in-the-wild-images")
    (root / "ffhq-dataset-v2.json").write_text(BAD_ENTRIES[sentence])
    with pytest.raises(InputError) as error:
        FFHQ(root)
    assert sentence in str(error.value)


def test_ffhq_becomes_a_dataset(demo_portraits: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "ffhq" / "images1024x1024" / "00000"
    shelf.mkdir(parents=True)
    for number, path in enumerate(sorted(demo_portraits.glob("*.jpg"))[:2]):
        with Image.open(path) as image:
            image.save(shelf / f"{number:05}.png", compress_level=1)
    done = build(tmp_path / "ffhq", out := tmp_path / "out")
    assert "FFHQ, 2 pictures" in done.output, done.output
    assert [p.id for p in Manifest.load(out).portraits] == ["00000", "00001"]
