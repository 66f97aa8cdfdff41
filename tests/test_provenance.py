"""Signed corrections: real manifests, by c2pa-python, read back as anybody would."""

import contextlib
import http.server
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
import torch
from build_runs import gazebench
from PIL import Image
from signing import (
    STAMPING,
    Authority,
    codes,
    ec_key,
    manifest_of,
    pem_of,
    picture,
    read,
    tiny,
    written,
)
from torch import Tensor
from toy_methods.still import Still

from gazebench import __version__, baselines, methods, plugins
from gazebench.cards import MethodCard
from gazebench.dataset.batches import Batch
from gazebench.errors import InputError, RefusedError
from gazebench.methods import Task
from gazebench.photographs import Photographer
from gazebench.photographs.correct import FORMATS, correct
from gazebench.photographs.provenance import Signature, source_type

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "provenance.md").read_text()
TASK = Task(256, (30, 50))
BY: dict[str, Any] = {"weights_sha256": "", "device": "cpu"}
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
KEY = ec_key()
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not here")


class Dark(Still):
    """Paints the eye boxes black."""

    card = MethodCard(title="Dark", supervision="none")

    def correct(self, batch: Batch) -> Tensor:
        return torch.where(batch.mask > 0, torch.tensor(-1.0), batch.image)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and its chain."""
    folder = tmp_path_factory.mktemp("key")
    return written(folder, pem_of(KEY), authority.chain(KEY))


@pytest.fixture(scope="module")
def photo(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(
        shutil.copy(demo_portraits / "00030.jpg", tmp_path_factory.mktemp("photo") / "me.jpg")
    )


@pytest.fixture(scope="module", params=FORMATS)
def corrected(
    request: pytest.FixtureRequest,
    photo: Path,
    files: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path, str]:
    """A signed correction, the same without signature, and what was printed of the first."""
    out = tmp_path_factory.mktemp(request.param)
    words = ("correct", photo, "--format", request.param, "--device", "cpu", "--out")
    signed = gazebench(*words, out / "signed", "--sign", files[0], "--certificate", files[1])
    assert signed.exit_code == 0, signed.output
    plain = gazebench(*words, out / "plain")
    assert plain.exit_code == 0, plain.output
    name = f"me{FORMATS[request.param]}"
    return out / "signed" / name, out / "plain" / name, signed.output


# what is in the file


def test_a_correction_is_signed_and_holds_for_who_trusts_the_signer(
    corrected: tuple[Path, Path, str], authority: Authority
) -> None:
    signed, plain, output = corrected
    assert "1 of 1 photographs corrected and signed" in output
    assert read(signed).get_validation_state() == "Valid"
    assert codes(read(signed)) == ["signingCredential.untrusted"]
    assert read(signed, authority).get_validation_state() == "Trusted"
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        read(plain)


def test_the_manifest_says_what_was_done_by_what(corrected: tuple[Path, Path, str]) -> None:
    signed, _, _ = corrected
    manifest = manifest_of(read(signed))
    assert manifest["title"] == signed.name
    (parent,) = manifest["ingredients"]
    assert (parent["title"], parent["relationship"]) == ("me.jpg", "parentOf")
    (assertion,) = manifest["assertions"]
    opened, edited = assertion["data"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["softwareAgent"] == {"name": "gazebench", "version": __version__}
    assert edited["digitalSourceType"] == f"{TERMS}algorithmicallyEnhanced"
    assert edited["parameters"] == {"gazebench.method": "Iris warp"}
    assert "towards the camera, by the method Iris warp" in edited["description"]


def test_the_statement_is_the_signers_own_and_shows_no_face_or_place(
    corrected: tuple[Path, Path, str], photo: Path
) -> None:
    reader = read(corrected[0])
    store = json.loads(reader.detailed_json())
    claim = store["manifests"][store["active_manifest"]]["claim"]
    labels = {part["url"].rpartition("/")[2] for part in claim["created_assertions"]}
    assert labels == {"c2pa.ingredient.v3", "c2pa.actions.v2", "c2pa.hash.data"}
    assert "thumbnail" not in reader.json()
    assert str(photo.parent).encode() not in corrected[0].read_bytes()


def test_pixels_profile_and_text_are_those_of_the_unsigned_file(
    corrected: tuple[Path, Path, str],
) -> None:
    with Image.open(corrected[0]) as signed, Image.open(corrected[1]) as plain:
        assert np.array_equal(np.asarray(signed), np.asarray(plain))
        mine, others = mark_of(signed), mark_of(plain)
        assert signed.info.get("icc_profile") == plain.info.get("icc_profile")
    assert len(mine.pop("certificate")) == 64
    assert mine == others
    assert mine["gaze"] == "corrected"
    assert len(corrected[0].read_bytes()) - len(corrected[1].read_bytes()) < 8000


def mark_of(picture: Image.Image) -> dict[str, Any]:
    comment = picture.info.get("comment", b"").decode().removeprefix("gazebench ")
    return json.loads(picture.info.get("gazebench") or comment)


def test_nothing_of_the_key_is_printed_or_written(
    corrected: tuple[Path, Path, str], files: tuple[Path, Path]
) -> None:
    secret = KEY.private_numbers().private_value.to_bytes(32, "big")
    lines = files[0].read_text().splitlines()[1:-1]
    signed = corrected[0].read_bytes()
    assert secret not in signed
    assert not any(line.encode() in signed or line in corrected[2] for line in lines)
    assert [path.name for path in corrected[0].parent.glob("[!.]*")] == [corrected[0].name]


def test_a_changed_pixel_shows(corrected: tuple[Path, Path, str], authority: Authority) -> None:
    forged = repainted(corrected[0].read_bytes())
    with Image.open(io.BytesIO(forged)) as other, Image.open(corrected[0]) as signed:
        assert (np.asarray(other) != np.asarray(signed)).any()  # it opens like any other
    reader = read(forged, authority)
    assert reader.get_validation_state() == "Invalid"
    assert "assertion.dataHash.mismatch" in codes(reader)


def repainted(data: bytes) -> bytes:
    """A picture with its manifest, and one pixel that is another."""
    with Image.open(io.BytesIO(data)) as picture:
        form, pixels = str(picture.format), np.array(picture)
    pixels[0, 0] ^= 0x80
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, quality=95)
    other = buffer.getvalue()
    if form == "JPEG":
        manifest = [part for kind, part in segments(data) if kind == 0xEB]
        assert manifest
        return other[:2] + b"".join(manifest) + other[2:]
    head = [part for kind, part in chunks(data) if kind not in (b"IDAT", b"IEND")]
    tail = [part for kind, part in chunks(other) if kind in (b"IDAT", b"IEND")]
    return data[:8] + b"".join(head + tail)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at:end]
        at = end


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while data[at + 1] != 0xDA:  # the pixels
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], data[at:end]
        at = end


def test_a_manifest_of_the_photograph_is_kept_and_whether_it_holds(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    signature = Signature(*files)
    source, twice = tmp_path / "signed.png", Path("twice.png")
    first = signature.sign(picture(), source, tiny(tmp_path), Dark)
    for data, wrong in ((first, []), (repainted(first), ["assertion.dataHash.mismatch"])):
        source.write_bytes(data)
        reader = read(signature.sign(picture(), twice, source, Dark))
        assert reader.get_validation_state() == "Valid"
        (parent,) = manifest_of(reader)["ingredients"]
        assert json.loads(reader.json())["manifests"].keys() >= {parent["active_manifest"]}
        found = parent["validation_results"]["activeManifest"]["failure"]
        assert [f["code"] for f in found if "untrusted" not in f["code"]] == wrong


def test_a_manifest_that_cannot_be_read_is_named_as_the_reason(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    photo = tmp_path / "signed.png"
    data = Signature(*files).sign(picture(), photo, tiny(tmp_path), Dark)
    start = data.index(b"caBX") + 4
    photo.write_bytes(data[:start] + bytes(100) + data[start + 100 :])
    with pytest.raises(InputError, match=r"signed\.png: .* its own manifest is damaged \(.*copy"):
        Signature(*files).sign(picture(), Path("again.png"), photo, Dark)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_photographs_of_every_type_can_be_the_parent(
    form: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    signed = Signature(*files).sign(picture(), Path("me.png"), tiny(tmp_path, form), Dark)
    (parent,) = manifest_of(read(signed))["ingredients"]
    assert parent["format"] == f"image/{form.lower()}"


def test_the_kind_of_edit_is_that_of_the_method() -> None:
    kinds = {name: methods.load(baselines, name) for name in plugins.names(baselines)}
    found = {n: source_type(k).removeprefix(TERMS) for n, k in kinds.items() if methods.corrects(k)}
    assert found.pop("iris_warp") == "algorithmicallyEnhanced"
    assert found.pop("identity") == "algorithmicallyEnhanced"
    assert found.pop("eye_bank") == "composite"
    assert {"undo", "gazegan_v2", "prgan"} <= set(found)
    assert set(found.values()) == {"compositeWithTrainedAlgorithmicMedia"}
    assert Still.card.supervision == ""  # a card that does not say what it learned from
    assert source_type(Still) == f"{TERMS}compositeWithTrainedAlgorithmicMedia"


# which photographs are signed


def test_what_is_left_as_it_is_is_not_signed(
    photo: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ("--out", tmp_path / "out", "--set", "leave_alone=100", "--device", "cpu")
    result = gazebench("correct", photo, *words, "--sign", files[0], "--certificate", files[1])
    assert result.exit_code == 0, result.output
    assert "left as it is: looks at the camera; not signed" in result.output
    assert "0 of 1 photographs corrected, 1 left as they are" in result.output
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        read(tmp_path / "out" / "me.png")
    again = gazebench("correct", photo, *words, "--sign", files[0], "--certificate", files[1])
    assert "left as it is, by an earlier run; not signed" in again.output
    assert "0 of 1 photographs corrected, 1 left as they are" in again.output


@pytest.fixture(scope="module")
def photographer() -> Photographer:
    return Photographer(TASK, align="ffhq", finder="dlib")


def darkened(
    photographer: Photographer, photo: Path, place: Path, signature: Signature | None
) -> dict[Path, str]:
    dark = Dark(Dark.Config(), TASK)
    return correct(dark, photographer, {photo: place}, signature=signature, **BY)


def test_a_signed_file_is_kept_and_takes_no_place_of_an_unsigned_one(
    photographer: Photographer, photo: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    signature, place = Signature(*files), tmp_path / "out.png"
    assert darkened(photographer, photo, place, None) == {}
    with pytest.raises(RefusedError, match="--overwrite"):
        darkened(photographer, photo, place, signature)
    place.unlink()
    assert darkened(photographer, photo, place, signature) == {}
    before = place.read_bytes()
    assert darkened(photographer, photo, place, signature) == {}
    assert place.read_bytes() == before  # no two signatures are the same
    with pytest.raises(RefusedError, match="--overwrite"):
        darkened(photographer, photo, place, None)


# time stamps


class Stamps(http.server.BaseHTTPRequestHandler):
    """A time-stamp server (RFC 3161): openssl in its folder."""

    folder: Path

    def do_POST(self) -> None:
        (self.folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        words = "ts -reply -config conf -section stamps -queryfile query -signer chain.pem"
        words += " -inkey key.pem -out reply"
        subprocess.run(
            ["openssl", *words.split()], cwd=self.folder, check=True, capture_output=True
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write((self.folder / "reply").read_bytes())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def time_stamps(authority: Authority, folder: Path) -> Iterator[str]:
    """The address of a time-stamp server on this machine."""
    key = ec_key()
    written(folder, pem_of(key), authority.chain(key, purposes=(STAMPING,)))
    (folder / "serial").write_text("01\n")
    settings = "serial=serial", "default_policy=1.2.3.4", "signer_digest=sha256"
    settings += "digests=sha256,sha384,sha512", "ess_cert_id_alg=sha256"
    (folder / "conf").write_text("\n".join(["[stamps]", *settings]))
    handler = type("Here", (Stamps,), {"folder": folder})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@needs_openssl
def test_a_time_stamp_is_in_the_signature_and_without_one_nothing_is_written(
    authority: Authority,
    photographer: Photographer,
    photo: Path,
    files: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    with time_stamps(authority, tmp_path) as url:
        signature = Signature(*files, url)
        assert darkened(photographer, photo, tmp_path / "out" / "me.png", signature) == {}
    assert "time" in manifest_of(read(tmp_path / "out" / "me.png"))["signature_info"]
    (failure,) = darkened(photographer, photo, tmp_path / "later" / "me.png", signature).values()
    assert f"{photo}: is corrected, but cannot be signed" in failure
    assert not (tmp_path / "later").exists()
    with pytest.raises(InputError, match=f"--timestamp {url}: no time stamp"):
        Signature(*files, url)


# the command


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--sign", "key.pem"], 3, "--sign key.pem: a key needs its certificate: --certificate"),
        (["--sign", "no.pem", "--certificate", "chain.pem"], 3, "no.pem: no such file"),
        (["--sign", "key.pem", "--certificate", "key.pem"], 3, "holds no certificate"),
        (
            [
                "--sign",
                "key.pem",
                "--certificate",
                "chain.pem",
                "--timestamp",
                "http://127.0.0.1:9",
            ],
            3,
            "--timestamp http://127.0.0.1:9: no time stamp",
        ),
    ],
)
def test_the_command_says_what_is_wrong_before_it_corrects(
    words: list[str],
    code: int,
    says: str,
    photo: Path,
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files[0].parent)
    result = gazebench("correct", photo, "--out", tmp_path / "out", *words)
    assert result.exit_code == code, result.output
    assert says in result.output
    assert not (tmp_path / "out").exists()


def test_without_the_extra_the_command_that_installs_it_is_named(
    photo: Path, files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    words = ("--sign", files[0], "--certificate", files[1], "--out", tmp_path / "out")
    result = gazebench("correct", photo, *words)
    assert result.exit_code == 8
    assert "run `pip install 'gazebench[provenance]'`" in result.output


# the document


@needs_openssl
def test_the_documents_key_signs_and_its_check_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r"^openssl req.*$", DOCUMENT, re.M)
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    (tmp_path / "corrected").mkdir()
    signature = Signature(Path("key.pem"), Path("chain.pem"))
    place = tmp_path / "corrected" / "me.png"
    place.write_bytes(signature.sign(picture(), place, tiny(tmp_path), Dark))
    (check,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.S)
    exec(check, {})
    assert capsys.readouterr().out.startswith("Trusted\n")
