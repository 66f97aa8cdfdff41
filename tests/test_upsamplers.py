"""The up-samplers of Table VI."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch.nn import functional
from training_folders import make_dataset

from gazebench import baselines, cli, plugins, training
from gazebench.baselines import upsamplers
from gazebench.baselines.gazegan_v2 import LETTERS, GazeGANV2Config, networks_of
from gazebench.baselines.upsamplers import _rrdbnet
from gazebench.baselines.upsamplers._rrdbnet import DenseBlock, ResidualBlock, RRDBNet
from gazebench.dataset import Manifest
from gazebench.dataset.boxes import eye_window
from gazebench.methods import Task, count_parameters
from gazebench.reports.measured import Measured
from gazebench.reports.report import write_report
from gazebench.reports.tables import table_6
from gazebench.reports.writers import markdown


@pytest.mark.parametrize(("scale", "count"), [(4, 16_697_987), (2, 16_703_171)])
def test_rrdbnet_has_the_released_networks_parameters_to_the_unit(scale: int, count: int) -> None:
    with torch.device("meta"):
        assert count_parameters([RRDBNet(scale)]) == count


@pytest.mark.parametrize("scale", [2, 4])
def test_rrdbnet_enlarges_by_its_scale(scale: int) -> None:
    network = RRDBNet(scale, channels=4, blocks=1, growth=2)
    assert network(torch.zeros(2, 3, 8, 12)).shape == (2, 3, 8 * scale, 12 * scale)


def test_layers_are_called_as_in_the_released_files() -> None:
    names = RRDBNet(2, channels=4, blocks=2, growth=2).state_dict().keys()
    assert {"conv_first.weight", "body.1.rdb3.conv5.bias", "conv_hr.weight"} <= names
    tops = {name.partition(".")[0] for name in names}
    assert tops == {
        "conv_first",
        "body",
        "conv_body",
        "conv_up1",
        "conv_up2",
        "conv_hr",
        "conv_last",
    }


def test_a_block_adds_a_fifth_of_what_it_makes() -> None:
    block = DenseBlock(1, 1)
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(block.get_parameter("conv5.bias"), 5.0)
    x = torch.full((1, 1, 2, 2), 3.0)
    assert torch.allclose(block(x), torch.full_like(x, 3.0 + 0.2 * 5.0))
    whole = ResidualBlock(1, 1)
    for parameter in whole.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.allclose(whole(x), x + 0.2 * x)  # its dense blocks pass x on


def test_a_later_convolution_sees_the_earlier_ones_through_a_leaky_slope() -> None:
    block = DenseBlock(1, 1)
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(block.get_parameter("conv1.bias"), -1.0)
    with torch.no_grad():
        block.get_parameter("conv5.weight")[0, 1, 1, 1] = 1.0  # the centre of conv1's output
    out = block(torch.zeros(1, 1, 2, 2))
    assert torch.allclose(out, torch.full_like(out, 0.2 * (0.2 * -1.0)))


def test_for_x2_the_input_is_taken_apart_into_twelve_channels() -> None:
    network = RRDBNet(2, channels=4, blocks=1, growth=2)
    x = torch.rand(1, 3, 6, 6)
    apart = torch.stack([x[:, c, i::2, j::2] for c in range(3) for i in (0, 1) for j in (0, 1)], 1)
    assert torch.equal(functional.pixel_unshuffle(x, network.unshuffle), apart)
    assert network.conv_first.in_channels == 12


def test_up_samplers_are_files_and_no_methods() -> None:
    names = plugins.names(upsamplers)
    assert names == ["bilinear", "cfm", "real_esrgan_x2", "real_esrgan_x4"]
    for name in names:
        assert plugins.load(upsamplers, name, marker="title").title
    assert not any("upsampler" in name for name in plugins.names(baselines))
    assert _rrdbnet.__name__.rpartition(".")[2].startswith("_")


def test_the_counted_networks_give_the_printed_parameters_of_table_vi() -> None:
    with torch.device("meta"):
        networks = networks_of(GazeGANV2Config(), Task(512, eye_window(512)))
    count = count_parameters(networks[letter] for letter in LETTERS)
    assert f"{count / 1e6:.2f}" == "48.88"
    assert f"{(count + count_parameters([networks['G_h']])) / 1e6:.2f}" == "49.23"


SMALL = {"batch": 1, "steps": 1, "width": 2, "code": 8, "divisor": 8}
HOW = {"device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"), 256)


@pytest.fixture(scope="module")
def run(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    training.train(dataset, runs / "pam", baselines, "pam", settings=SMALL, **HOW)
    settings = SMALL | {"preset": "paper", "angle": 8}
    training.train(dataset, runs / "v2", baselines, "gazegan_v2", settings=settings, **HOW)
    return runs / "v2"


def measured(run: Path, dataset: Manifest, *words: str) -> tuple[int, str]:
    flags = ["--device", "cpu", "--quiet", *words]
    line = ["eval-upsampling", str(run), str(dataset.root), *flags]
    result = CliRunner().invoke(cli.main, line)
    return result.exit_code, result.output


@pytest.mark.long
def test_a_trained_run_is_measured_with_each_upsampler(run: Path, dataset: Manifest) -> None:
    names = ("--upsampler", "bilinear", "--upsampler", "cfm")
    code, said = measured(run, dataset, "--split", "all", *names)
    assert code == 0, said
    assert "Bilinear: " in said
    rows = json.loads((run / "upsampling.json").read_text())["rows"]
    assert rows["cfm"]["scores"]["ms_ssim_full"]["n"] == 4
    pictures = json.loads((run / "upsampling.json").read_text())["pictures"]
    assert pictures["columns"] == ["source", "half size", "Bilinear", "CFM"]
    strip = np.asarray(Image.open(run / "figures" / "upsampling" / f"{pictures['ids'][0]}.png"))
    source, coarse, _, cfm = np.split(strip, 4, axis=1)
    assert (source[:20] == cfm[:20]).all()  # above the eyes
    assert (coarse[::2, ::2] == coarse[1::2, 1::2]).all()
    # the face outside the eyes is the source's own with CFM, and blurred without
    full = {name: rows[name]["scores"]["lpips_full"]["value"] for name in rows}
    assert full["cfm"] < full["bilinear"]


@pytest.mark.long
def test_a_report_shows_the_table_beside_the_printed_numbers(
    run: Path, dataset: Manifest, tmp_path: Path
) -> None:
    measured(run, dataset, "--split", "all", "--upsampler", "bilinear", "--upsampler", "cfm")
    report = write_report(run.parent, tmp_path / "out")
    assert (report.runs, report.tables) == (0, 1)  # nothing else was measured
    text = (tmp_path / "out" / "tables" / "table-6.md").read_text()
    assert "**Table VI. Up-sampling.**" in text
    assert "*paper, CelebHQGaze, not comparable*" in text
    with (tmp_path / "out" / "tables" / "table-6.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["upsampler"] for row in table] == ["bilinear", "cfm"]
    assert [row["ms_ssim_full_paper"] for row in table] == ["0.9563", "0.9827"]
    assert "Table VI. Up-sampling" in report.page.read_text()


def test_a_dataset_without_such_portraits_and_another_method_are_sentences(
    run: Path, dataset: Manifest
) -> None:
    code, said = measured(run, dataset, "--upsampler", "bilinear")  # it has no test half
    assert code == 3
    assert "--split all" in said
    code, said = measured(run.parent / "pam", dataset)
    assert code == 3
    assert "is no GazeGANV2" in said


def test_what_was_not_measured_is_reported_without_places_of_this_machine(tmp_path: Path) -> None:
    facts = {"run": "v2", "dataset": "x", "resolution": 512, "split": "x", "n": 1, "device": "x"}
    row = {"facts": facts, "rows": {}, "skipped": {"Real-ESRGAN x2": "not in /home/me/weights"}}
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "upsampling.json").write_text(json.dumps(row))
    (grid,) = table_6.grids(Measured(tmp_path))
    text = markdown.write(grid)
    assert "Real-ESRGAN x2 was not measured" in text
    assert "/home/me" not in text


def test_a_damaged_file_is_named_and_makes_no_table(tmp_path: Path) -> None:
    (tmp_path / "upsampling.json").write_text('{"rows": 7}')
    measured = Measured(tmp_path)
    assert list(table_6.grids(measured)) == []
    assert str(tmp_path / "upsampling.json") in measured.damaged[0]
