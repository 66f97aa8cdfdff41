"""Names in people's tables mean the same pictures to `label import` and to `build-dataset`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazebench import sources
from gazebench.annotation import imports
from gazebench.annotation.meant import resolve
from gazebench.dataset import Manifest, names
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import SourceFace, SpooledFaces

Reader = Callable[[list[str], Path], dict[str, str]]


def faces(known: list[str]) -> list[SourceFace]:
    ids = sources.safe_ids(known)
    return [SourceFace(id=ids[name], name=name, path=Path(name)) for name in known]


@pytest.fixture(params=["build-dataset --labels", "label import"])
def labels_of(request: pytest.FixtureRequest, small_dataset: Path, tmp_path: Path) -> Reader:
    """Which pictures a table labels, by their source names, as either command reads it."""

    def given(known: list[str], table: Path) -> dict[str, str]:
        found = sources.with_labels(faces(known), table)
        return {face.name: face.label for face in found if face.label}

    def imported(known: list[str], table: Path) -> dict[str, str]:
        manifest = Manifest.load(small_dataset)
        one, ids = manifest.portraits[0], sources.safe_ids(known)
        portraits = tuple(replace(one, id=id_, source_name=name) for name, id_ in ids.items())
        (tmp_path / "quarantine.csv").write_text("id,source_name\n")
        made = replace(manifest, root=tmp_path, portraits=portraits)
        found = resolve(made, table, imports.read(table)).found
        called = {id_: name for name, id_ in ids.items()}
        return {called[id_]: said.vote for id_, said in found}

    return given if "build" in request.param else imported


TWO = ["000001.jpg", "000002.jpg"]
READ = [
    (TWO, "id,label\n1,X", "000001.jpg"),
    (TWO, 'id,label\n"=""000001""",X', "000001.jpg"),
    (TWO, "id,label\n'000001,X", "000001.jpg"),
    (TWO, "id;label\n1,0;X", "000001.jpg"),
    (["00000.jpg", "00001.jpg"], "id,name,label\n00000,Ann,X", "00000.jpg"),
    (["img_1.jpg"], "id,label\nIMG_1.JPG,X", "img_1.jpg"),
    (["sub/x.jpg"], "id,label\nx.jpg,X", "sub/x.jpg"),
    (["x/a.jpg", "y/a.jpg"], "id,label\n/data/y/a.png,X", "y/a.jpg"),
    (["x/a.jpg", "y/a.jpg"], "id,label\nC:\\data\\y\\a.png,X", "y/a.jpg"),
    (["000123.jpg", "123.jpg"], "id,label\n123,X", "123.jpg"),
    (["a.jpg"], "filename,domain\na.jpg,X", "a.jpg"),
    (["a.jpg"], "Source Name;Vote\na;x", "a.jpg"),
    (TWO, "id,image,label\n2,000002.jpg,X", "000002.jpg"),
    (TWO, "id,image,label\n40001,faces/000002.png,X", "000002.jpg"),
    (TWO, "id,image,label\n,000002.jpg,X", "000002.jpg"),
    (TWO, "id,name,label\n000001,Ann,X", "000001.jpg"),
    (["07.jpg", "007.jpg"], "id,image,label\n7,07.jpg,X", "07.jpg"),
    (["x/a.jpg", "y/a.jpg"], "id,image,label\ny-a,a.jpg,X", "y/a.jpg"),
    (TWO, "id,label\n0001,X", "000001.jpg"),
    (TWO, "id,image,label\n0001,000001.png,X", "000001.jpg"),
    (TWO, "id,image,label\n0009,000002.jpg,X", "000002.jpg"),
    (["1.jpg", "ann.jpg", "bo.jpg"], "id,label\n1,X", "1.jpg"),
    (["1.jpg", "ann.jpg", "bo.jpg"], "id,image,label\n1,ann.jpg,X", "ann.jpg"),
    (["1.jpg", "ann.jpg", "bo.jpg"], "id,image,label\n1,1.jpg,X", "1.jpg"),
]
REFUSED = [
    (["A/x.jpg", "x.png"], "id,label\na/x.jpg,X", "line 2: 'a/x.jpg' may mean A-x and x; give"),
    (["07.jpg", "007.jpg"], "id,label\n7,X", "line 2: '7' may mean 007 and 07"),
    (["x/a.jpg", "y/a.jpg"], "id,label\na.png,X", "line 2: 'a.png' may mean x-a and y-a"),
    (["x/a.jpg"], "id,label\ny/a.jpg,X", "has: line 2: 'y/a.jpg'"),
    (TWO, "id,label\n3,X", "has: line 2: '3'"),
    (TWO, "id,label\n,X", "has: line 2: ''"),
    (
        TWO,
        "id,image,label\n2,000002.jpg,X\n1,000002.jpg,X",
        "line 3: names different portraits: id '1' is 000001, image '000002.jpg' is 000002; "
        "leave out the column that does not name portraits",
    ),
    (TWO, "id,image_id,label\n1,2,X", "names different portraits: id '1' is 000001, image_id '2'"),
    (
        ["x/a.jpg", "y/a.jpg", "z.jpg"],
        "id,image,label\nz,a.jpg,X",
        "names different portraits: id 'z' is z, image 'a.jpg' is x-a or y-a",
    ),
    (TWO, "id,image,label\n1,stranger.jpg,X", "has: line 2: image 'stranger.jpg'"),
    (TWO, "id,name,label\n1,Ann,X", "has: line 2: name 'Ann'"),
    (TWO, "id,name,label\n0001,Ann,X", "has: line 2: name 'Ann'"),
    (TWO, "id,image,label\n0001,stranger.jpg,X", "has: line 2: image 'stranger.jpg'"),
    (TWO, "id,image,label\n000001,stranger.jpg,X", "has: line 2: image 'stranger.jpg'"),
    (TWO, "id,image_id,label\n0009,2,X", "has: line 2: id '0009'"),
    (
        TWO,
        "id,image,label\n0001,000002.jpg,X",
        "names different portraits: id '0001' is 000001, image '000002.jpg' is 000002; leave",
    ),
    (["01.jpg", "ann.jpg", "bo.jpg"], "id,label\n1,X", "has: line 2: '1'"),
    (["01.jpg", "ann.jpg", "bo.jpg"], "id,image,label\n01,cat.jpg,X", "has: line 2: image 'cat"),
    (["1.jpg", "ann.jpg", "bo.jpg"], "id,name,label\n1,Cy,X", "has: line 2: name 'Cy'"),
    (["07.jpg", "a/1.jpg", "b/1.jpg"], "id,file,label\n7,1.jpg,X", "file '1.jpg' may mean a-1 and"),
    (TWO, "who,label\na,X", "no column id or source_name or name"),
    (TWO, "id,gaze\n1,X", "no column label or domain or vote; it has: id, gaze"),
]


@pytest.mark.parametrize(("known", "table", "name"), READ)
def test_a_name_means_one_picture(
    labels_of: Reader, tmp_path: Path, known: list[str], table: str, name: str
) -> None:
    (tmp_path / "t.csv").write_text(f"{table}\n")
    assert labels_of(known, tmp_path / "t.csv") == {name: "X"}


def test_quarantined_faces_are_counted_one_by_one() -> None:
    quarantined = [(f"{number:03}.jpg", None) for number in range(50)]
    known = names.Names([*quarantined, ("ann", "ann"), ("bo", "bo"), ("c", "c"), ("060", "060")])
    assert known.has_numbers()
    assert known.find("60") == {"060"}


@pytest.mark.parametrize(("known", "table", "sentence"), REFUSED)
def test_a_name_in_doubt_is_refused(
    labels_of: Reader, tmp_path: Path, known: list[str], table: str, sentence: str
) -> None:
    (tmp_path / "t.csv").write_text(f"{table}\n")
    with pytest.raises(InputError) as error:
        labels_of(known, tmp_path / "t.csv")
    assert sentence in str(error.value)


def test_the_words_for_labels_are_the_same(labels_of: Reader, tmp_path: Path) -> None:
    words = {"x": "X", "Y": "Y", "u": "unsure", "UNSURE": "unsure", "R": "reject", "": ""}
    known = {f"p{number}.jpg": word for number, word in enumerate(words)}
    lines = "".join(f"{name},{word}\n" for name, word in known.items())
    (tmp_path / "t.csv").write_text(f"id,label\n{lines}")
    found = labels_of(list(known), tmp_path / "t.csv")
    assert found == {name: words[word] for name, word in known.items() if word}


def test_a_word_that_is_no_label_says_who_takes_others(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,label\n1,camera\n")
    sentence = r"line 2: label 'camera', expected X, .*; `gazebench label import --map` takes"
    with pytest.raises(InputError, match=sentence):
        sources.with_labels(faces(TWO), tmp_path / "t.csv")


def test_eye_points_are_found_by_the_same_names(tmp_path: Path) -> None:
    header = "id,filename,left_x,left_y,right_x,right_y"
    (tmp_path / "e.csv").write_text(f"{header}\n7,IMG/000001.PNG,1,2,3,4\n,2,5,6,7,8\n")
    found = sources.with_eye_points(faces(TWO), tmp_path / "e.csv")
    left = [face.eyes[0] for face in found if face.eyes]
    assert left == [Point(1, 2), Point(5, 6)]


NAME = st.text("aAb01./\\-é", min_size=1, max_size=7) | st.sampled_from(["a/b/01.jpg", "1", "01"])


@given(st.lists(NAME, max_size=8, unique=True), NAME)
def test_names_on_disk_mean_what_they_mean_in_memory(known: list[str], name: str) -> None:
    listed = faces(known)
    pairs = [(called, face.id) for face in listed for called in (face.id, face.name)]
    expected = names.Names(pairs).find(name)
    found = SpooledFaces(listed).called(name)
    assert {id_ for _, id_ in found} == expected
    assert type(found) is type(expected)


def parts(name: str) -> tuple[str, ...]:
    """Folders and stem of a name, from the end."""
    return tuple(names.Form.of(name).path.split("/")[:-1])


@given(st.lists(NAME, max_size=8, unique=True), NAME)
def test_alike_are_names_of_which_one_ends_as_the_other(known: list[str], name: str) -> None:
    expected = {
        other
        for other in known
        if all(one == two for one, two in zip(parts(name), parts(other), strict=False))
    }
    index = names.Names(zip(known, known, strict=True))
    assert index.alike(names.Form.of(name).path) == expected


def test_a_name_that_any_picture_has_may_stand_beside_one_that_is_sure(tmp_path: Path) -> None:
    listed = SpooledFaces(faces([f"p{number}/face.jpg" for number in range(300)]))
    assert len(listed.called("face.png")) == names.MANY
    (tmp_path / "t.csv").write_text("id,image,label\np299-face,face.jpg,X\n")
    found = sources.with_labels(listed, tmp_path / "t.csv")
    assert {face.id for face in found if face.label} == {"p299-face"}
    (tmp_path / "t.csv").write_text("id,image,label\n299,face.jpg,X\n")
    with pytest.raises(InputError, match=r"'face\.jpg' may mean p\S+( and p\S+){4} and more; give"):
        sources.with_labels(listed, tmp_path / "t.csv")
