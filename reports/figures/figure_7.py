"""Figure 7: qualitative comparison on portraits of 512 pixels and more (CelebHQGaze)."""

from collections.abc import Iterator

from gazebench.reports.figures._comparison import compare, require_size
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group

NUMBER = "7"


def draw(group: Group) -> Iterator[Drawing]:
    """One sheet of faces."""
    require_size(group, full=True)
    yield from compare(group)
