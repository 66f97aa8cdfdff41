"""CelebA's attributes come along with the portraits, and only with them."""

import random
import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest
from build_runs import gazebench, tree_hash
from hypothesis import given
from hypothesis import strategies as st

from gazebench.dataset import Manifest
from gazebench.dataset.attributes import (
    ATTRIBUTES,
    attributes_csv,
    bits_of,
    read_attributes,
)
from gazebench.errors import InputError
from gazebench.sources.celeba import CelebA
from gazebench.sources.celeba_hq import CelebAHQ
from gazebench.sources.celeba_wild import CelebAWild

EYES = "195,240,320,240"  # so that no face need be searched
LIST = "list_attr_celeba.txt"


def values(number: int) -> list[int]:
    return [random.Random(number * 97 + place).choice((-1, 1)) for place in range(40)]


def bits(number: int) -> int:
    return bits_of([str(value) for value in values(number)])


def attribute_list(numbers: range | list[int], ending: str = ".jpg") -> str:
    rows = [f"{n:06}{ending} {'  '.join(map(str, values(n)))}\n" for n in numbers]
    return f"{len(rows)}\n{' '.join(ATTRIBUTES)} \n{''.join(rows)}"


def make(source: Path, out: Path, *flags: object):
    """``build-dataset`` with listed eyes, which is quick."""
    words = ("--eyes", source / "eyes.csv", "--landmarks", "listed", "--res", 64)
    return gazebench(
        *("build-dataset", source, out, *words, "--window", "8x12"),
        *("--align", "none", "--quiet", "--workers", 1, *flags),
    )


@pytest.fixture
def celeba(demo_portraits: Path, tmp_path: Path) -> Path:
    """Six pictures of CelebA and a page; the list has attributes of all but the last picture."""
    root = tmp_path / "CelebA"
    (root / "img_align_celeba").mkdir(parents=True)
    for number, path in enumerate(sorted(demo_portraits.glob("*.jpg"))[:6], 1):
        shutil.copy(path, root / "img_align_celeba" / f"{number:06}.jpg")
    (root / "img_align_celeba" / "000007.jpg").write_text("<html>")
    (root / LIST).write_text(attribute_list([*range(1, 6), 7, 9]))
    rows = "".join(f"{number:06}.jpg,{EYES}\n" for number in range(1, 8))
    (root / "eyes.csv").write_text(f"name,left_x,left_y,right_x,right_y\n{rows}")
    return root


def test_attributes_stand_beside_the_portraits_they_are_of(celeba: Path, tmp_path: Path) -> None:
    done = make(celeba, out := tmp_path / "out")
    assert done.exit_code == 0, done.output
    table = pandas.read_csv(out / "attributes.csv", dtype={"id": str}).set_index("id")
    assert list(table.index) == [f"{number:06}" for number in range(1, 6)]  # 7 is not a portrait
    assert tuple(table.columns) == ATTRIBUTES
    assert [list(row) for row in table.to_numpy()] == [values(n) for n in range(1, 6)]
    assert "`attributes.csv`" in (out / "README.md").read_text()
    assert "nor recorded here" not in (out / "README.md").read_text().replace("\n  ", " ")
    tree_hash(out)


def test_without_the_list_there_are_no_attributes(celeba: Path, tmp_path: Path) -> None:
    (celeba / LIST).unlink()
    make(celeba, out := tmp_path / "out")
    assert not (out / "attributes.csv").exists()
    assert "recorded here" in (out / "README.md").read_text()


def test_attributes_change_no_portrait(celeba: Path, tmp_path: Path) -> None:
    make(celeba, tmp_path / "with")
    (celeba / LIST).unlink()
    make(celeba, tmp_path / "without")
    assert tree_hash(tmp_path / "with") == tree_hash(tmp_path / "without")


def test_a_list_that_came_later_is_refused_until_overwrite(celeba: Path, tmp_path: Path) -> None:
    (celeba / LIST).rename(celeba / "later")
    make(celeba, out := tmp_path / "out")
    (celeba / "later").rename(celeba / LIST)
    assert "attributes: " in (refused := make(celeba, out)).output
    assert refused.exit_code == 7
    assert make(celeba, out, "--overwrite").exit_code == 0
    assert len(read_attributes(out / "attributes.csv")) == 5
    (celeba / LIST).unlink()
    assert make(celeba, out, "--overwrite").exit_code == 0
    assert not (out / "attributes.csv").exists()


def test_merged_attributes_are_those_of_the_unsharded_build(celeba: Path, tmp_path: Path) -> None:
    make(celeba, tmp_path / "whole")
    shards = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        make(celeba, shard, "--shard", f"{number}/2")
    assert gazebench("merge", tmp_path / "out", *shards, "--quiet").exit_code == 0
    for name in ("attributes.csv", "manifest.csv", "dataset.json"):
        expected = (tmp_path / "whole" / name).read_bytes().replace(b'"whole"', b'"out"')
        assert (tmp_path / "out" / name).read_bytes() == expected
    assert "complete already" in make(celeba, tmp_path / "out").output


@pytest.mark.parametrize("harm", [lambda p: p.unlink(), lambda p: p.write_text("id\n")])
def test_verify_sees_harm_and_the_same_command_mends_a_loss(harm: Any, celeba, tmp_path) -> None:
    make(celeba, out := tmp_path / "out")
    whole = (out / "attributes.csv").read_bytes()
    harm(out / "attributes.csv")
    checked = gazebench("verify", out, "--quiet")
    assert checked.exit_code != 0
    assert "attributes.csv" in checked.output
    (out / "attributes.csv").unlink(missing_ok=True)
    assert make(celeba, out).exit_code == 0
    assert (out / "attributes.csv").read_bytes() == whole


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_croissant_describes_the_attributes(celeba: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    make(celeba, out := tmp_path / "out")
    described = mlcroissant.Dataset(jsonld=out / "croissant.json")
    assert described.metadata.issues.errors == set()
    rows = list(described.records("attributes"))
    assert [row["attributes/Young"] for row in rows] == [values(n)[39] for n in range(1, 6)]
    assert len(rows) == len(Manifest.load(out).portraits) - 1


def test_celeba_in_the_wild_has_the_same_list(tmp_path: Path) -> None:
    (tmp_path / "img_celeba").mkdir()
    (tmp_path / "img_celeba" / "000003.jpg").touch()
    (tmp_path / "Anno").mkdir()
    (tmp_path / "Anno" / LIST).write_text(attribute_list(range(1, 4)))
    assert [face.attributes for face in CelebAWild(tmp_path).faces()] == [bits(3)]


@pytest.fixture
def celeba_hq(tmp_path: Path) -> Path:
    (tmp_path / "CelebA-HQ-img").mkdir()
    for number in (0, 1):
        (tmp_path / "CelebA-HQ-img" / f"{number}.jpg").touch()
    mapping = "idx orig_idx orig_file\n0 2 000003.jpg\n1 0 000001.jpg\n"
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(mapping)
    return tmp_path


def test_celeba_hq_gets_its_attributes_through_the_mapping(celeba_hq: Path) -> None:
    (celeba_hq / LIST).write_text(attribute_list(range(1, 4)))
    assert [face.attributes for face in CelebAHQ(celeba_hq).faces()] == [bits(3), bits(1)]


def test_the_list_of_celebamask_hq_serves_without_celebas(celeba_hq: Path) -> None:
    text = attribute_list([0, 1]).replace("000000.jpg", "0.jpg").replace("000001.jpg", "1.jpg")
    (celeba_hq / "CelebAMask-HQ-attribute-anno.txt").write_text(text)
    assert [face.attributes for face in CelebAHQ(celeba_hq).faces()] == [bits(0), bits(1)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Eyeglasses", "Glasses", "line 2: column 'Glasses', expected 'Eyeglasses'"),
        ("Bald ", "", "line 2: 39 columns, expected 40"),
        ("2\n", "3\n", "line 1: announces 3 lines, there are 2"),
        ("000002.jpg ", "000002.jpg 0 ", "line 4: 42 columns, expected 41"),
        ("000002.jpg", "000001.jpg", "line 4: '000001.jpg' is listed twice"),
        (f"000002.jpg {values(2)[0]}", "000002.jpg 0", "line 4: 5_o_Clock_Shadow is '0'"),
    ],
)
def test_a_damaged_list_is_named_with_the_line(celeba: Path, old, new, sentence) -> None:
    text = attribute_list([1, 2])
    assert old in text
    (celeba / LIST).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=f"{LIST}, {sentence}"):
        CelebA(celeba)


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), st.integers(0, 2**40 - 1)))
def test_attributes_survive_their_file(tmp_path_factory, attributes: dict[str, int]) -> None:
    path = tmp_path_factory.mktemp("attributes") / "attributes.csv"
    path.write_text(attributes_csv(attributes))
    assert read_attributes(path) == attributes


def test_a_damaged_file_of_a_shard_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "attributes.csv"
    for text in ("", "id,Bald\n1,1\n", f"{attributes_csv({'a': 1})}b,1,1\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"attributes\.csv: .* run the same command"):
            read_attributes(path)
