"""The numbers that Zhang et al. (2022) printed, shown in grey beside ours, never among them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PublishedCount:
    """A number of parameters as printed."""

    method: str
    resolution: int
    rule: str  # "inference", or "training_vgg": with discriminators and a frozen VGG-16
    millions: str  # text as printed
    without: Sequence[str] = ()  # networks that the printed variant does not have


@dataclass(frozen=True, kw_only=True)
class Published:
    """One half of a printed table: the columns of one of the paper's datasets.

    Empty for a table that the paper does not have.
    """

    dataset: str = ""  # "CelebGaze"
    resolution: int = 0  # of that dataset
    source: str = ""
    title: str = ""
    url: str = ""
    caveats: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)  # metric → heading
    methods: Mapping[str, str] = field(default_factory=dict)  # row → name as printed
    # row (a method, an up-sampler) → metric → text as printed
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What every line with such numbers is marked with."""
        return f"paper, {self.dataset}, not comparable"

    def of(self, method: str) -> Mapping[str, str]:
        """Printed numbers of a method by metric; empty where the paper has none."""
        return self.rows.get(method, {})


def table_1(resolution: int) -> Published:
    """Table I for portraits of ``resolution`` pixels: CelebHQGaze for 512, else CelebGaze."""
    return by_method("table_1", resolution)


def by_method(key: str, resolution: int) -> Published:
    """A table whose rows are methods, such as "table_2".

    It is the half of the dataset with portraits of ``resolution`` pixels, else the first one.
    """
    table = _tables()[key]
    halves = {k: v for k, v in table.items() if isinstance(v, dict) and "resolution" in v}
    fitting = [name for name, half in halves.items() if half["resolution"] == resolution]
    dataset = next(iter([*fitting, *halves]))
    rows = {k: v for k, v in halves[dataset].items() if k != "resolution"}
    return Published(
        dataset=dataset,
        resolution=halves[dataset]["resolution"],
        source=table["source"],
        title=table["title"],
        url=table["url"],
        caveats=tuple(table["caveats"]),
        columns=table["columns"],
        methods=table["methods"],
        rows=rows,
    )


def parameter_counts() -> list[PublishedCount]:
    """All printed numbers of parameters: of Table I by one rule, of Table VI by the other."""
    found: list[PublishedCount] = []
    for table in (table_1(256), table_1(512)):
        for method, row in table.rows.items():
            if millions := row.get("parameters_training_vgg"):
                count = PublishedCount(
                    method=method,
                    resolution=table.resolution,
                    rule="training_vgg",
                    millions=millions,
                )
                found.append(count)
    return found + [PublishedCount(**row) for row in _tables()["table_6"]["rows"]]


def table_6() -> Published:
    """Table VI, by up-sampler; printed for portraits of 512 pixels alone."""
    table = _tables()["table_6"]
    return Published(
        dataset=table["dataset"],
        resolution=table["resolution"],
        source=table["source"],
        title=table["title"],
        url=table["url"],
        caveats=tuple(table["caveats"]),
        columns=table["columns"],
        methods=table["methods"],
        rows=table["printed"],
    )


def _tables() -> dict[str, Any]:
    text = resources.files("gazebench.reports").joinpath("paper.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
