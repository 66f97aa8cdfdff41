"""The type checker, in a file of its own: it takes as long as a hundred other tests."""

import pytest
from test_house import run


@pytest.mark.long
def test_types_are_clean() -> None:
    assert "0 errors" in run("pyright")
