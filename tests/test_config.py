import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazebench import config
from gazebench.curation.settings import DatasetSettings
from gazebench.errors import InputError

VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TABLES = st.recursive(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(KEYS, VALUES | inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(TABLES)
def test_what_is_dumped_is_read_again(tables: dict[str, Any]) -> None:
    assert tomllib.loads(config.dump(tables)) == tables


def test_none_is_left_out() -> None:
    assert config.dump({"dataset": {"a": None, "b": 1}}) == "[dataset]\nb = 1\n"


def test_settings_survive_a_file(tmp_path: Path) -> None:
    settings = DatasetSettings(resolution=300, align="eyes", test_fraction=0.25)
    (tmp_path / "s.toml").write_text(config.dump({"dataset": settings.model_dump()}))
    tables = config.read(tmp_path / "s.toml")
    assert config.build(DatasetSettings, config.table(tables, "dataset")) == settings


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'dataset\.resoluton'; did you mean 'resolution'\?"):
        config.build(DatasetSettings, {"resoluton": 256}, "dataset")


def test_a_key_like_no_other_gets_the_list() -> None:
    with pytest.raises(InputError, match="known: resolution, window_height"):
        config.build(DatasetSettings, {"xyz": 1}, "dataset")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resolution", "big"),
        ("resolution", 63),
        ("resolution", 256.5),
        ("align", "FFHQ"),
        ("test_fraction", 1.5),
        ("test_fraction", float("nan")),
        ("window_height", [30]),
        ("landmarks", 3),
    ],
)
def test_a_wrong_value_is_named_with_its_key(key: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"setting dataset\.{key} = ") as error:
        config.build(DatasetSettings, {key: value}, "dataset")
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("256", 256), ("1e-3", 0.001), ("true", True), ("eyes", "eyes"), ('"x"', "x"), ("", ""),
     ("[1, 2]", [1, 2]), ("a = b", "a = b"), ("-0.5", -0.5)],
)  # fmt: skip
def test_an_override_is_a_toml_value_or_a_bare_word(text: str, value: object) -> None:
    assert config.read(None, [f"dataset.key={text}"]) == {"dataset": {"key": value}}


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[dataset]\nresolution = 512\nalign = 'none'\n")
    tables = config.read(tmp_path / "s.toml", ["dataset.resolution=256", "dataset.resolution=128"])
    assert tables == {"dataset": {"resolution": 128, "align": "none"}}


@pytest.mark.parametrize("override", ["dataset.resolution", "=3", ""])
def test_an_override_without_key_or_value_is_refused(override: str) -> None:
    with pytest.raises(InputError, match=r"expected table\.key=value"):
        config.read(None, [override])


def test_an_override_below_a_value_is_refused() -> None:
    with pytest.raises(InputError, match="'align' is a value, not a table"):
        config.read(None, ["dataset.align=eyes", "dataset.align.x=1"])


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(InputError, match="'dateset'; did you mean 'dataset'"):
        config.read(None, ["dateset.align=eyes"])


def test_a_value_where_a_table_belongs_is_refused() -> None:
    with pytest.raises(InputError, match="dataset = 5: expected a table"):
        config.table(config.read(None, ["dataset=5"]), "dataset")


@pytest.mark.parametrize("content", [b"[dataset", b"\xff\xfe\x00", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"s\.toml: damaged"):
        config.read(tmp_path / "s.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such settings file"):
        config.read(tmp_path / "none.toml")


def test_a_windows_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes(b"\xef\xbb\xbf[dataset]\r\nresolution = 256\r\n")
    assert config.read(tmp_path / "s.toml") == {"dataset": {"resolution": 256}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan"])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"setting dataset\.filter\.max_outside = .*finite"):
        config.build(DatasetSettings, {"filter": {"max_outside": value}}, "dataset")
