"""The numbers that Zhang et al. (2022) printed, shown in grey beside ours, never among them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, kw_only=True)
class Published:
    """One half of a printed table: the columns of one of the paper's datasets."""

    dataset: str  # "CelebGaze"
    resolution: int  # of that dataset
    source: str
    title: str
    url: str
    caveats: tuple[str, ...]
    columns: Mapping[str, str]  # metric → heading
    methods: Mapping[str, str]  # method → name as printed
    rows: Mapping[str, Mapping[str, str]]  # method → metric → text as printed

    @property
    def label(self) -> str:
        """What every line with such numbers is marked with."""
        return f"paper, {self.dataset}, not comparable"

    def of(self, method: str) -> Mapping[str, str]:
        """Printed numbers of a method by metric; empty where the paper has none."""
        return self.rows.get(method, {})


def table_1(resolution: int) -> Published:
    """Table I for portraits of ``resolution`` pixels: CelebHQGaze for 512, else CelebGaze."""
    text = resources.files("gazebench.reports").joinpath("paper.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)["table_1"]
    dataset = "CelebHQGaze" if resolution == table["CelebHQGaze"]["resolution"] else "CelebGaze"
    columns = {k: v for k, v in table[dataset].items() if k != "resolution"}
    return Published(
        dataset=dataset,
        resolution=table[dataset]["resolution"],
        source=table["source"],
        title=table["title"],
        url=table["url"],
        caveats=tuple(table["caveats"]),
        columns=table["columns"],
        methods=table["methods"],
        rows=columns,
    )
