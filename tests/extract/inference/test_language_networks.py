"""CLIP, SigLIP and VideoMAE against the public implementations, with the same random numbers in both."""

import pytest
import torch

from extract.backbones import BACKBONES
from extract.backbones.clip_blocks import Attention
from extract.backbones.clip_text import TEXT_TOWERS, ClipText
from extract.backbones.clip_vit import ClipVit
from extract.backbones.siglip import Siglip
from extract.backbones.videomae import VideoMAE
from extract.inference.fast.prepare import prepare
from extract.weights.dialects import fit, our_names, published_state

SMALL = {"size": 64, "width": 64, "layers": 2, "heads": 2}


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def scrambled(module: torch.nn.Module, size: float = 0.1) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for each in module.parameters():
        each.data = torch.randn(each.shape, generator=generator) * size
    return module.eval()


def frames_of(clips: torch.Tensor) -> torch.Tensor:
    return clips.transpose(1, 2).flatten(0, 1)


def clips_of(size: int, length: int = 2) -> torch.Tensor:
    return torch.randn(2, 3, length, size, size, generator=torch.Generator().manual_seed(1))


def tokens_of(longest: int, vocabulary: int) -> torch.Tensor:
    """Three texts whose end token, the last of the vocabulary, stands at different places."""
    tokens = torch.randint(1, vocabulary - 1, (3, longest), generator=torch.Generator().manual_seed(2))
    for row, end in enumerate((2, longest // 2, longest - 1)):
        tokens[row, end:] = 0
        tokens[row, end] = vocabulary - 1
    return tokens


def open_clip_model(quick: bool, *, patch: int = 16, size: int, width: int, layers: int, heads: int):
    open_clip = pytest.importorskip("open_clip")
    return open_clip.model.CLIP(
        512,
        open_clip.CLIPVisionCfg(
            layers=layers, width=width, head_width=width // heads, patch_size=patch, image_size=size
        ),
        open_clip.CLIPTextCfg(width=width, heads=heads, layers=layers, vocab_size=100),
        quick_gelu=quick,
    )


def transformers_clip(quick: bool, *, patch: int = 16, size: int, width: int, layers: int, heads: int):
    transformers = pytest.importorskip("transformers")
    shared = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_act": "quick_gelu" if quick else "gelu",
    }
    config = transformers.CLIPConfig(
        text_config={**shared, "vocab_size": 100, "eos_token_id": 99, "bos_token_id": 98},
        vision_config={**shared, "patch_size": patch, "image_size": size},
        projection_dim=512,
    )
    return transformers.CLIPModel(config)


def vector(found) -> torch.Tensor:
    """What transformers returns: a tensor, or since version 5 a record that holds it."""
    return found if isinstance(found, torch.Tensor) else found.pooler_output


IMAGE = {open_clip_model: "encode_image", transformers_clip: "get_image_features"}
TEXT = {open_clip_model: "encode_text", transformers_clip: "get_text_features"}


@pytest.mark.slow  # both take seconds to import
@pytest.mark.parametrize("public", IMAGE)
@pytest.mark.parametrize("quick, patch", [(True, 16), (False, 32)])
@torch.inference_mode()
def test_the_towers_of_clip_are_those_of_open_clip_and_transformers(public, quick, patch):
    check_towers(public, quick=quick, patch=patch, **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name, model", [("clip-vit-b16", "ViT-B-16"), ("clip-vit-b32", "ViT-B-32")])
def test_the_towers_of_clip_have_the_sizes_of_the_published_ones(name, model):
    open_clip = pytest.importorskip("open_clip")
    settings = open_clip.get_model_config(model)
    with torch.device("meta"):  # sizes without numbers
        published = open_clip.model.CLIP(**settings).state_dict()
        image, text = BACKBONES[name](), TEXT_TOWERS[name]()
    for tower, classifier in ((image, ClipVit.classifier), (text, ClipText.classifier)):
        expected = {name: each.shape for name, each in published.items() if not name.startswith(classifier)}
        assert {name: each.shape for name, each in tower.state_dict().items()} == expected
    # no tensor shows into how many heads a width is divided
    heads = settings["vision_cfg"]["width"] // open_clip.CLIPVisionCfg().head_width
    assert {each.attn.heads for each in image.visual.transformer.resblocks} == {heads}
    assert {each.attn.heads for each in text.transformer.resblocks} == {settings["text_cfg"]["heads"]}


def check_towers(public, *, quick: bool, patch: int, size: int, width: int, layers: int, heads: int) -> None:
    shape = {"width": width, "layers": layers, "heads": heads}
    published = scrambled(public(quick, patch=patch, size=size, **shape))
    state = our_names(dict(published.state_dict()))
    image = ClipVit(patch=patch, quick=quick, size=size, **shape).eval()
    text = ClipText(quick=quick, vocabulary=100, **shape).eval()
    for tower in (image, text):
        fit(tower, state, origin="here")
    clips = clips_of(size)
    vectors = vector(getattr(published, IMAGE[public])(frames_of(clips)))
    expected = vectors.unflatten(0, (2, 2)).mean(dim=1)
    assert relative(image(clips), expected) < 1e-5
    assert relative(prepare(image)(clips), expected) < 1e-5
    tokens = tokens_of(77, 100)
    assert relative(text(tokens), vector(getattr(published, TEXT[public])(tokens))) < 1e-5


@pytest.mark.slow
@torch.inference_mode()
def test_the_tower_of_siglip_is_that_of_open_clip():
    open_clip = pytest.importorskip("open_clip")
    net = scrambled(Siglip(**SMALL))
    with torch.device("meta"):  # only its names and its forward
        trunk = open_clip.timm_model.TimmModel(
            "vit_base_patch16_siglip_224", 64, image_size=64, pool="map", proj="none"
        )
    # the same builder at our size
    import timm

    trunk.trunk = timm.create_model(
        "vit_base_patch16_siglip_224", img_size=64, embed_dim=64, depth=2, num_heads=2, num_classes=0
    )
    published = torch.nn.ModuleDict({"visual": trunk}).eval()
    published.load_state_dict(published_state(net))  # strict: the names are OpenCLIP's
    clips = clips_of(64)
    expected = trunk(frames_of(clips)).unflatten(0, (2, 2)).mean(dim=1)
    assert relative(net(clips), expected) < 1e-5
    assert relative(prepare(net)(clips), expected) < 1e-5


@pytest.mark.slow
@torch.inference_mode()
def test_videomae_is_that_of_transformers_up_to_its_classifier():
    transformers = pytest.importorskip("transformers")
    config = transformers.VideoMAEConfig(
        image_size=64,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_labels=5,
    )
    # its normalisations add another epsilon than the authors', which is seen in small numbers
    published = scrambled(transformers.VideoMAEForVideoClassification(config), size=0.3)
    net = VideoMAE(**SMALL).eval()
    fit(net, our_names(dict(published.state_dict())), origin="here")
    clips = clips_of(64, length=16)
    expected = published(clips.transpose(1, 2)).logits
    assert relative(published.classifier(net(clips)), expected) < 1e-5
    assert relative(published.classifier(prepare(net)(clips)), expected) < 1e-5


@pytest.mark.parametrize("causal", [False, True])
@torch.inference_mode()
def test_attention_is_that_of_torch(causal):
    ours = scrambled(Attention(width=48, heads=3))
    theirs = torch.nn.MultiheadAttention(48, 3, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())  # strict: the names are torch's
    x = torch.randn(2, 7, 48, generator=torch.Generator().manual_seed(0))
    mask = torch.full((7, 7), -torch.inf).triu(1) if causal else None
    assert relative(ours(x, causal=causal), theirs(x, x, x, need_weights=False, attn_mask=mask)[0]) < 1e-5


@pytest.mark.parametrize(
    "build", [lambda: ClipVit(**SMALL), lambda: Siglip(**SMALL), lambda: VideoMAE(**SMALL)]
)
def test_clips_of_another_size_are_refused_by_name(build):
    with pytest.raises(ValueError, match="(siglip|clip|videomae)-?.*(64 pixels|16 x 64 x 64)"):
        build()(torch.zeros(1, 3, 16, 32, 32))
