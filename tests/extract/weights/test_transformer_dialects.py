"""CLIP's and VideoMAE's weights in every kind of file that people have give one network and one digest."""

import json
import struct
import warnings

import pytest
import torch
from torch import nn

from extract.backbones.clip_text import ClipText
from extract.backbones.clip_vit import ClipVit
from extract.backbones.videomae import VideoMAE
from extract.runtime.foreign.safetensors_files import read_safetensors
from extract.weights import WeightsError
from extract.weights.dialects import fit, published_state, read_state
from extract.weights.load import state_digest, weights_file

SMALL = {"width": 32, "layers": 2, "heads": 2, "feature_dim": 8}


def towers() -> tuple[ClipVit, ClipText]:
    image, text = ClipVit(size=32, **SMALL), ClipText(tokens=5, vocabulary=11, **SMALL)
    generator = torch.Generator().manual_seed(0)
    for tower in (image, text):
        for each in tower.parameters():
            # in half precision, as OpenAI's file
            each.data = torch.randn(each.shape, generator=generator).half().float()
    return image, text


def clip_state() -> dict[str, torch.Tensor]:
    image, text = towers()
    return {**image.state_dict(), **text.state_dict(), "logit_scale": torch.tensor(4.6)}


class Tree(nn.Module):
    """Modules and parameters that give a state_dict of these names."""

    def __init__(self, state):
        super().__init__()
        for head in dict.fromkeys(name.partition(".")[0] for name in state):
            below = {
                name.partition(".")[2]: each for name, each in state.items() if name.split(".")[0] == head
            }
            if "" in below:
                self.register_parameter(head, nn.Parameter(below[""], requires_grad=False))
            else:
                self.add_module(head, Tree(below))

    def forward(self, x):
        return x


def save_torchscript(state, path, *, half: bool = True) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against the format
        tree = Tree({name: each.half() if half else each for name, each in state.items()})
        torch.jit.save(torch.jit.trace(tree, torch.zeros(1)), path)


def write_safetensors(path, tensors, *, header=None) -> None:
    """The format by its description, without the package."""
    names = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}
    entries, content = {"__metadata__": {"format": "pt"}}, b""
    for name, each in tensors.items():
        data = each.contiguous().numpy().tobytes()
        places = [len(content), len(content) + len(data)]
        entries[name] = {"dtype": names[each.dtype], "shape": list(each.shape), "data_offsets": places}
        content += data
    text = json.dumps(header or entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def transformers_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """OpenAI's names and matrices as CLIPModel of transformers has them."""
    found = {}
    for name, each in state.items():
        tower = "vision_model" if name.startswith("visual.") else "text_model"
        name = name.removeprefix("visual.").replace("transformer.resblocks.", "encoder.layers.")
        if name.startswith("encoder.layers."):
            name = name.replace("attn.", "self_attn.").replace("ln_", "layer_norm")
            name = name.replace("c_fc", "fc1").replace("c_proj", "fc2")
            if "in_proj" in name:
                for part, chunk in zip("qkv", each.chunk(3), strict=True):
                    found[f"{tower}.{name.replace('in_proj_', f'{part}_proj.')}"] = chunk
                continue
            found[f"{tower}.{name}"] = each
        elif name in ("proj", "text_projection"):
            found["visual_projection.weight" if name == "proj" else "text_projection.weight"] = each.T
        elif name == "logit_scale":
            found[name] = each
        else:
            for theirs, ours in {
                "embeddings.class_embedding": "class_embedding",
                "embeddings.patch_embedding.weight": "conv1.weight",
                "embeddings.position_embedding.weight": "positional_embedding",
                "embeddings.token_embedding.weight": "token_embedding.weight",
                "pre_layrnorm.weight": "ln_pre.weight",
                "pre_layrnorm.bias": "ln_pre.bias",
                "post_layernorm.weight": "ln_post.weight",
                "post_layernorm.bias": "ln_post.bias",
                "final_layer_norm.weight": "ln_final.weight",
                "final_layer_norm.bias": "ln_final.bias",
            }.items():
                if ours == name:
                    found[f"{tower}.{theirs}"] = each
    found["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    return found


def test_every_file_of_clip_gives_the_same_towers_and_digests(tmp_path):
    state, (image, text) = clip_state(), towers()
    save_torchscript(state, tmp_path / "ViT-B-16.pt")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{n}": t for n, t in state.items()}}, tmp_path / "laion.pt"
    )
    torch.save(state, tmp_path / "open_clip_pytorch_model.bin")
    write_safetensors(tmp_path / "open_clip_model.safetensors", {n: t.half() for n, t in state.items()})
    torch.save(transformers_names(state), tmp_path / "pytorch_model.bin")
    write_safetensors(tmp_path / "model.safetensors", transformers_names(state))
    expected = state_digest(image), state_digest(text)
    assert len(set(expected)) == 2
    for path in sorted(tmp_path.iterdir()):
        found = ClipVit(size=32, **SMALL), ClipText(tokens=5, vocabulary=11, **SMALL)
        for tower in found:
            fit(tower, read_state(path), origin=path.name)
        assert (state_digest(found[0]), state_digest(found[1])) == expected, path.name


def test_videomae_loads_by_the_names_of_its_authors_and_of_transformers(tmp_path):
    net = VideoMAE(size=32, width=32, layers=2, heads=2)
    for each in net.parameters():
        each.data = torch.randn(each.shape, generator=torch.Generator().manual_seed(each.numel()))
    state = published_state(net)
    others = {"head.weight": torch.ones(400, 32), "head.bias": torch.ones(400)}
    torch.save({"module": {**state, **others}}, tmp_path / "mcg.pth")
    for file_name, biases in (("hub.bin", "{}_bias"), ("five.bin", "{}.bias")):
        theirs = {"classifier.weight": torch.ones(400, 32), "classifier.bias": torch.ones(400)}
        for name, each in state.items():
            if name.startswith("patch_embed"):
                theirs[
                    "videomae.embeddings.patch_embeddings."
                    + name.split(".", 1)[1].replace("proj", "projection")
                ] = each
            elif name.startswith("fc_norm"):
                theirs[name] = each
            else:
                _, number, rest = name.split(".", 2)
                stem = f"videomae.encoder.layer.{number}."
                if rest == "attn.qkv.weight":
                    for part, chunk in zip(("query", "key", "value"), each.chunk(3), strict=True):
                        theirs[f"{stem}attention.attention.{part}.weight"] = chunk
                elif rest in ("attn.q_bias", "attn.v_bias"):
                    part = rest[5] if "_" in biases else {"q": "query", "v": "value"}[rest[5]]
                    theirs[f"{stem}attention.attention.{biases.format(part)}"] = each
                else:
                    for ours, named in (
                        ("attn.proj", "attention.output.dense"),
                        ("norm1", "layernorm_before"),
                        ("norm2", "layernorm_after"),
                        ("mlp.fc1", "intermediate.dense"),
                        ("mlp.fc2", "output.dense"),
                    ):
                        rest = rest.replace(ours, named)
                    theirs[stem + rest] = each
        torch.save(theirs, tmp_path / file_name)
    digests = set()
    for path in tmp_path.iterdir():
        found = VideoMAE(size=32, width=32, layers=2, heads=2)
        fit(found, read_state(path), origin=path.name)
        digests.add(state_digest(found))
    assert digests == {state_digest(net)}


@pytest.mark.slow
def test_the_files_that_the_packages_write_are_read(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    state = clip_state()
    safetensors.save_file(
        {name: each.bfloat16() for name, each in state.items()}, tmp_path / "clip.safetensors"
    )
    found = read_state(tmp_path / "clip.safetensors")
    assert all(torch.equal(found[name], each.bfloat16()) for name, each in state.items())


def test_tensors_that_do_not_fit_each_other_are_named(tmp_path):
    state = transformers_names(clip_state())
    state["vision_model.encoder.layers.0.self_attn.k_proj.weight"] = torch.ones(3)
    torch.save(state, tmp_path / "odd.bin")
    with pytest.raises(WeightsError, match=r"1 missing: visual.transformer.resblocks.0.attn.in_proj_weight"):
        fit(ClipVit(size=32, **SMALL), read_state(tmp_path / "odd.bin"), origin="odd.bin")


ENTRY = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "header, reason",
    [
        ({"w": {**ENTRY, "data_offsets": [0, 160]}}, "lies at 0 to 160 of 16 bytes"),
        ({"w": {**ENTRY, "data_offsets": [8, 16]}}, "of 16 bytes lies at 8 to 16"),
        ({"w": {**ENTRY, "shape": [-2, -2]}}, "has the shape"),
        ({"w": {**ENTRY, "shape": [1 << 40, 1 << 40]}}, "lies at"),
        ({"w": {**ENTRY, "dtype": "F4"}}, "is of type 'F4'"),
        ({"v": ENTRY, "w": ENTRY}, "'w' overlaps another tensor"),
        ({"w": {"dtype": "F32"}}, "cannot be read as a safetensors file"),
        ({"w": 3}, "cannot be read as a safetensors file"),
    ],
)
def test_a_safetensors_file_that_lies_about_its_places_is_one_line(tmp_path, header, reason):
    path = tmp_path / "hostile.safetensors"
    write_safetensors(path, {"w": torch.ones(2, 2)}, header=header)
    with pytest.raises(WeightsError, match=reason) as caught:
        read_state(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_safetensors_file_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "cut.safetensors"
    write_safetensors(path, {"w": torch.ones(2, 2), "none": torch.ones(0, 3)})
    assert read_safetensors(path)["none"].shape == (0, 3)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="lies at 0 to 16 of 15 bytes"):
        read_state(path)


def rewritten(path, change) -> None:
    """The archive with the content of data.pkl changed."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, change(content) if name.endswith("/data.pkl") else content)


@pytest.mark.parametrize(
    "change, reason",
    [
        (
            lambda content: content.replace(b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem"),
            "asks for os.system",
        ),
        (lambda content: content.replace(b"ctorch\nHalfStorage", b"ctorch\nload"), "asks for torch.load"),
        (lambda content: content[:40], "cannot be read as a TorchScript archive"),
        (
            lambda content: content.replace(b"K\x20", b"K\xff"),  # 255 columns instead of 32
            "lies outside its storage",
        ),
    ],
)
def test_a_torchscript_archive_that_asks_for_more_than_tensors_is_one_line(tmp_path, change, reason):
    path = tmp_path / "ViT-B-16.pt"
    save_torchscript({"a.weight": torch.ones(32, 32), "b": torch.ones(2)}, path)
    rewritten(path, change)
    with pytest.raises(WeightsError, match=reason) as caught:
        read_state(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_an_archive_whose_end_claims_more_disks_is_one_line(tmp_path):
    path = tmp_path / "ViT-B-16.pt"
    save_torchscript({"a": torch.ones(2)}, path)
    content = path.read_bytes()
    end = content.rindex(b"PK\x06\x07")  # where the locator of the 64-bit directory begins
    path.write_bytes(content[: end + 16] + struct.pack("<I", 7) + content[end + 20 :])
    with pytest.raises(WeightsError, match="ViT-B-16.pt: cannot be read as a TorchScript archive"):
        read_state(path)


def test_files_named_as_weights_of_another_activation_are_refused(tmp_path):
    laion, openai = (tmp_path / name for name in ("vit_b_16-laion400m_e32-55e67d44.pt", "ViT-B-16.pt"))
    for path in (laion, openai):
        path.write_bytes(b"weights")
    assert weights_file(laion, backbone="clip-vit-b16-laion") == laion
    assert weights_file(openai, backbone="clip-vit-b16") == openai
    for path, backbone, owner in (
        (laion, "clip-vit-b16", "clip-vit-b16-laion"),
        (openai, "clip-vit-b16-laion", "clip-vit-b16"),
    ):
        with pytest.raises(WeightsError, match=f"published {owner}, whose network is not {backbone}; "):
            weights_file(path, backbone=backbone)
