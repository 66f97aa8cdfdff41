"""Figure 6: qualitative comparison on portraits below 512 pixels (CelebGaze in the paper)."""

from collections.abc import Iterator

from gazebench.reports.figures._comparison import compare, require_size
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group

NUMBER = "6"


def draw(group: Group) -> Iterator[Drawing]:
    """One sheet of faces."""
    require_size(group, full=False)
    yield from compare(group)
