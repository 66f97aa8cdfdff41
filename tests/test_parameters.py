"""``gazebench methods --params``: parameters by both rules, beside the printed ones."""

from click.testing import CliRunner

from gazebench import baselines, cli, methods, plugins
from gazebench.reports.paper import parameter_counts


def lines(*words: str) -> list[list[str]]:
    """Rows of the table, the cells of a row apart by two spaces or more."""
    result = CliRunner().invoke(cli.main, ["methods", "--params", *words])
    assert result.exit_code == 0, result.output
    rows = result.output.splitlines()
    return [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]


def test_counts_stand_beside_the_printed_ones_with_their_deviation() -> None:
    head, *rows = lines("--res", "512")
    assert head == ["method", "side", "inference", "training", "training + VGG"]
    assert ["gazegan", "512", "116.41", "168.99", "183.71 (183.2, +0.28 %)"] in rows
    both = ["49.23 (49.23, +0.01 %)", "69.47", "84.18 (84.18, +0.00 %)"]
    assert ["gazegan_v2", "512", *both] in rows
    without = ["gazegan_v2 without G_h", "512", "48.88 (48.88, +0.00 %)", "\u2013", "\u2013"]
    assert without in rows
    assert ["prgan", "512", "8.42", "19.57", "19.57"] in rows


def test_every_trained_method_has_a_row_and_one_that_declines_says_why() -> None:
    rows = lines("--res", "96")[1:]
    names = plugins.names(baselines)
    trained = {n for n in names if methods.is_trainable(methods.load(baselines, n))}
    assert {row[0] for row in rows} == trained
    (declined,) = [row for row in rows if row[0] == "gazegan_v2"]
    assert "a multiple of 128" in declined[-1]


def test_the_printed_numbers_are_those_of_both_tables() -> None:
    printed = {
        (p.method, p.resolution, p.rule, p.millions, tuple(p.without)) for p in parameter_counts()
    }
    assert printed == {
        ("gazegan", 256, "training_vgg", "73.26", ()),
        ("gazegan", 512, "training_vgg", "183.2", ()),
        ("gazegan_v2", 256, "training_vgg", "47.20", ()),
        ("gazegan_v2", 512, "training_vgg", "84.18", ()),
        ("gazegan_v2", 512, "inference", "48.88", ("G_h",)),
        ("gazegan_v2", 512, "inference", "49.23", ()),
    }
