"""Every method keeps the contract: one test module for all of them, present and future."""

import pytest

from gazebench import baselines, methods, plugins
from gazebench.contract import CHECKS, Check
from gazebench.errors import InputError

SLOWEST = {"gazegan", "stargan"}  # the others train by the same engine in half the time


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in SLOWEST else ())
        for name in plugins.names(baselines)
    ],
)
def test_method_keeps_the_contract(name: str, check: Check) -> None:
    kind = methods.load(baselines, name)
    if check.concerns(kind):
        check.run(kind, 256)


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'identity'"):
        methods.load(baselines, "identitty")


def test_an_unknown_device_is_a_sentence() -> None:
    with pytest.raises(InputError, match="--device nonsense: not usable here"):
        methods.pick_device("nonsense")
