"""Figure 9: animation of the gaze on portraits below 512 pixels (CelebGaze in the paper)."""

from collections.abc import Iterator

from gazebench.reports.figures._animation import strips
from gazebench.reports.figures._comparison import require_size
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group

NUMBER = "9"


def draw(group: Group) -> Iterator[Drawing]:
    """One sheet of strips."""
    require_size(group, full=False)
    yield from strips(group)
