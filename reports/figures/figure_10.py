"""Figure 10: animation of the gaze on portraits of 512 pixels and more (CelebHQGaze)."""

from collections.abc import Iterator

from gazebench.reports.figures._animation import strips
from gazebench.reports.figures._comparison import require_size
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group

NUMBER = "10"


def draw(group: Group) -> Iterator[Drawing]:
    """One sheet of strips."""
    require_size(group, full=True)
    yield from strips(group)
