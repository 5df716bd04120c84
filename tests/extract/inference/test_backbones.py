"""Networks of stage 1: laws that hold for all of them, and each against an independent implementation."""

import json

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from extract.backbones import BACKBONES
from extract.backbones.clip_vit import ClipVit
from extract.backbones.i3d import LEVELS, InceptionI3D, max_pool_same
from extract.backbones.i3res50 import I3Res50
from extract.backbones.resnext import ResNeXt101
from extract.backbones.same_padding import conv_same, same_padding
from extract.backbones.siglip import Siglip
from extract.backbones.torchvision_video import NETWORKS, TorchvisionVideo
from extract.backbones.videomae import VideoMAE
from extract.inference.fast.fused_conv import available
from extract.inference.fast.prepare import prepare
from extract.weights import load_weights
from extract.weights.deepmind import checkpoint_array, checkpoint_name, checkpoint_tensors

# Smallest pictures that a network takes; those with a fixed pool or learned positions need their own size.
SIZES = {"i3d-rgb": 224, "i3d-flow": 224, "i3d-rgb-levels": 224, "s3d": 224, "mvit_v2_s": 224}
PATCHES = {"vggish": (96, 64)}  # of the sound


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Transformers are tried with two narrow layers, on small pictures: their own size is thirty times slower.
SMALL = {
    "clip-vit-b16": lambda: ClipVit(size=64, width=64, layers=2, heads=2),
    "clip-vit-b32": lambda: ClipVit("clip-vit-b32", patch=32, size=64, width=64, layers=2, heads=2),
    "clip-vit-b16-laion": lambda: ClipVit(
        "clip-vit-b16-laion", quick=False, size=64, width=64, layers=2, heads=2
    ),
    "clip-vit-b32-laion": lambda: ClipVit(
        "clip-vit-b32-laion", patch=32, quick=False, size=64, width=64, layers=2, heads=2
    ),
    "siglip-vit-b16": lambda: Siglip(size=64, width=64, layers=2, heads=2),
    "videomae-b16": lambda: VideoMAE(size=64, width=64, layers=2, heads=2),
}
# Those that need their own size take seconds per test.
NETS = [pytest.param(name, marks=pytest.mark.slow if name in SIZES else ()) for name in BACKBONES]


@pytest.fixture(scope="module", params=NETS)
def ran(request):
    """(network, two clips, their rows); its normalisations are not trivial, so folding them is tested."""
    net = SMALL.get(request.param, BACKBONES[request.param])().eval()
    load_weights(net, "none", seed=3)
    generator = torch.Generator().manual_seed(1)
    for norm in (module for module in net.modules() if isinstance(module, _BatchNorm)):
        norm.weight.data.uniform_(0.7, 1.3, generator=generator)
        norm.bias.data.normal_(0.0, 0.1, generator=generator)
        norm.running_mean.normal_(0.0, 0.1, generator=generator)
    size = PATCHES.get(net.name, (SIZES.get(net.name, 64),) * 2)
    clips = torch.randn(2, net.channels, net.exact_length or net.min_length, *size, generator=generator)
    with torch.inference_mode():
        return net, clips, net(clips)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def test_rows_are_finite_numbers_of_the_declared_width(ran):
    net, _, rows = ran
    assert rows.shape == (2, net.feature_dim)
    assert rows.dtype == torch.float32
    assert rows.isfinite().all() and rows.std() > 1e-3
    assert relative(rows[0], rows[1]) > 1e-3


@torch.inference_mode()
def test_a_row_depends_on_its_clip_only_and_on_no_chance(ran):
    net, clips, rows = ran
    if net.name == "mvit_v2_s":  # seconds per clip
        clips, rows = clips[:1], rows[:1]
    assert relative(net(clips.flip(0)).flip(0), rows) < 1e-5


@torch.inference_mode()
def test_the_prepared_network_gives_the_same_rows(ran):
    net, clips, rows = ran
    before = {name: each.clone() for name, each in net.state_dict().items()}
    prepared = prepare(net)
    assert (prepared.name, prepared.feature_dim, prepared.channels, prepared.min_length) == (
        net.name,
        net.feature_dim,
        net.channels,
        net.min_length,
    )
    found = prepared(clips)
    assert relative(found, rows) < 1e-5
    if net.name not in ("mvit_v2_s", "i3d-flow"):  # seconds each
        assert torch.equal(
            prepared(clips.flip(0)).flip(0), found
        )  # to the last bit, wherever it stands in the batch
    assert not any(isinstance(module, _BatchNorm) for module in prepared.modules())
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())


@torch.inference_mode()
def test_the_prepared_network_in_bfloat16_stays_near(ran):
    net, clips, rows = ran
    if net.name in ("mvit_v2_s", "i3d-rgb-levels", "i3d-flow"):
        pytest.skip("seconds for nothing new: the others cover its layers")
    if net.name in SIZES and not available(torch.bfloat16):
        pytest.skip("minutes on a processor that has no bfloat16 arithmetic")
    found = prepare(net, precision="bf16")(clips)
    assert found.dtype == torch.float32
    assert F.cosine_similarity(found, rows).min() > 0.99


@pytest.mark.parametrize("name", BACKBONES)
def test_names_agree_and_clips_below_the_least_length_are_refused(name):
    with torch.device("meta"):
        net = BACKBONES[name]().eval()
        assert net.name == name
        if net.min_length > 1 and net.exact_length is None and name != "resnext101":
            with pytest.raises(RuntimeError, match="(?i)size"):
                net(torch.empty(1, net.channels, net.min_length - 1, 224, 224))


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_the_least_that_gives_the_right_number_of_outputs(kernel, stride):
    for size in range(1, 40):
        outputs = -(-size // stride)
        enough = (total for total in range(20) if size + total >= kernel)
        least = next(total for total in enough if (size + total - kernel) // stride + 1 == outputs)
        before, after = same_padding(size, kernel, stride)
        assert before + after == least
        assert after - before in (0, 1)


@pytest.mark.parametrize("length", range(4, 9))
@pytest.mark.parametrize("stride", [1, 2])
def test_same_convolution_and_pool_agree_with_sums_and_maxima_written_out(length, stride):
    x = torch.rand(1, 1, length, 5, 6, dtype=torch.float64)
    conv = nn.Conv3d(1, 1, (7, 1, 1), (stride, 1, 1), bias=False, dtype=torch.float64)
    conv_before = (
        6 if stride == 1 else 5 if length % 2 == 0 else 6
    ) // 2  # totals of TensorFlow's rule for kernel 7
    pool_before = 1 if stride == 1 or length % 2 else 0
    summed, greatest = conv_same(x, conv), max_pool_same(x, (3, 1, 1), (stride, 1, 1))
    assert summed.shape[2] == greatest.shape[2] == -(-length // stride)
    for t in range(summed.shape[2]):
        taps = [(k, t * stride + k - conv_before) for k in range(7)]
        expected = sum(conv.weight[0, 0, k, 0, 0] * x[0, 0, at] for k, at in taps if 0 <= at < length)
        torch.testing.assert_close(summed[0, 0, t], expected)
        inside = [
            at for at in range(t * stride - pool_before, t * stride - pool_before + 3) if 0 <= at < length
        ]
        assert torch.equal(greatest[0, 0, t], x[0, 0, inside].amax(0))


@pytest.mark.parametrize(
    "kernel, stride",
    [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))],
)
def test_pools_of_every_shape_equal_padding_with_zeros(kernel, stride):
    for shape in ((4, 6, 7), (5, 7, 8), (3, 9, 6)):
        x = torch.rand(2, 3, *shape)
        pads = [
            side
            for axis in reversed(list(zip(shape, kernel, stride, strict=True)))
            for side in same_padding(*axis)
        ]
        expected = F.max_pool3d(F.pad(x, pads), kernel, stride)
        assert torch.equal(max_pool_same(x, kernel, stride), expected)
        assert torch.equal(
            max_pool_same(x.contiguous(memory_format=torch.channels_last_3d), kernel, stride), expected
        )


@pytest.mark.slow
def test_i3d_takes_every_length_from_nine():
    with torch.device("meta"):
        net = InceptionI3D().eval()
        for length in range(9, 67):
            clips = torch.empty(1, 3, length, 224, 224)
            last = net._run(clips, ("Mixed_5c",))["Mixed_5c"]
            assert last.shape == (1, 1024, -(-length // 8), 7, 7)  # three halvings, each rounded up
    assert net(clips).shape == (1, 1024)


@pytest.mark.slow
@torch.inference_mode()
def test_i3d_on_a_still_picture_is_googlenet():
    # Kernels whose time taps are zero but for the middle one see single frames: Inception-v1 with its own
    # padding. GoogLeNet pads its first convolution by 3 before, SAME by 2: a picture moved by one pixel sees
    # the same.
    flat = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False).eval()
    flat.dropout, flat.fc = nn.Identity(), nn.Identity()
    generator = torch.Generator().manual_seed(0)
    state, flat_state = {}, flat.state_dict()
    for name, each in flat_state.items():
        if each.ndim == 4:
            each.normal_(0.0, (2 / each[0].numel()) ** 0.5, generator=generator)
        elif name.endswith("running_mean"):
            each.normal_(0.0, 0.1, generator=generator)
        state[inception_name(name)] = at_the_middle_of_time(each)
    net = InceptionI3D().eval()
    state |= {name: each for name, each in net.state_dict().items() if name.startswith("logits.")}
    net.load_state_dict(state)
    picture = torch.randn(1, 3, 224, 224, generator=generator)
    picture[:, :, 0], picture[:, :, :, 0] = 0, 0
    moved = F.pad(picture[:, :, 1:, 1:], (0, 1, 0, 1))
    for length in (9, 12):
        rows = net(picture[:, :, None].expand(-1, -1, length, -1, -1))
        assert relative(rows, flat(moved)) < 1e-5


def inception_name(name: str) -> str:
    stems = {"conv1": "Conv3d_1a_7x7", "conv2": "Conv3d_2b_1x1", "conv3": "Conv3d_2c_3x3"}
    block, _, rest = name.partition(".")
    if block in stems:
        return f"{stems[block]}.{rest.replace('conv.', 'conv3d.')}"
    stage, order = block.removeprefix("inception")
    place = f"Mixed_{stage}{chr(ord(order) + 1)}"
    for theirs, ours in {
        "branch1.": "b0.",
        "branch2.0.": "b1a.",
        "branch2.1.": "b1b.",
        "branch3.0.": "b2a.",
        "branch3.1.": "b2b.",
        "branch4.1.": "b3b.",
    }.items():
        if rest.startswith(theirs):
            return f"{place}.{ours}{rest.removeprefix(theirs).replace('conv.', 'conv3d.')}"
    raise AssertionError(name)


def at_the_middle_of_time(weight: torch.Tensor) -> torch.Tensor:
    """[out, in, h, w] -> [out, in, h, h, w], zero but in the middle of the new axis; others unchanged."""
    if weight.ndim != 4:
        return weight
    length = weight.shape[2]
    inflated = weight.new_zeros(*weight.shape[:2], length, *weight.shape[2:])
    inflated[:, :, length // 2] = weight
    return inflated


@pytest.mark.slow
@pytest.mark.parametrize(
    "net, flat, length, millions",
    [
        (
            ResNeXt101,
            lambda: torchvision.models.resnet.ResNet(
                torchvision.models.resnet.Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4
            ),
            5,
            48.34,
        ),
        (I3Res50, torchvision.models.resnet50, 7, 28.04),
    ],
)
@torch.inference_mode()
def test_residual_networks_on_a_still_picture_are_their_flat_ones(net, flat, length, millions):
    net, flat = net().eval(), flat().eval()
    load_weights(net, "none")
    flat.fc = nn.Identity()
    state = {}
    for name, each in net.state_dict().items():
        if each.ndim == 5:
            middle = each[:, :, each.shape[2] // 2].clone()
            each.zero_()
            each[:, :, each.shape[2] // 2] = middle
            each = middle
        state[name] = each
    flat.load_state_dict(state)  # strict: the names are torchvision's
    if isinstance(net, I3Res50):
        flat.maxpool.padding = 0
    picture = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert relative(net(picture[:, :, None].expand(-1, -1, length, -1, -1)), flat(picture)) < 1e-4
    with_classifier = sum(each.numel() for each in net.parameters()) + 2048 * 400 + 400
    assert round(with_classifier / 1e6, 2) == millions


@torch.inference_mode()
def test_efficientnet_gives_torchvisions_vector_averaged_over_frames():
    net = BACKBONES["efficientnet-b0"]().eval()
    load_weights(net, "none")
    published = torchvision.models.efficientnet_b0(weights=None).eval()
    missing = published.load_state_dict(net.state_dict(), strict=False).missing_keys
    assert missing == ["classifier.1.weight", "classifier.1.bias"]
    published.classifier = nn.Identity()
    clips = torch.randn(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([published(clips[:, :, frame]) for frame in range(3)]).mean(0)
    assert relative(net(clips), expected) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r2plus1d_18", "s3d", "swin3d_t"])
@torch.inference_mode()
def test_the_published_classifier_on_our_vector_gives_the_published_logits(name):
    build, classifier = NETWORKS[name].build, NETWORKS[name].classifier
    published, net = build(weights=None).eval(), TorchvisionVideo(name).eval()
    load_weights(net, "none")
    published.load_state_dict(
        {
            key.removeprefix("net.").replace("avgpool.pool.", "avgpool."): each
            for key, each in net.state_dict().items()
        },
        strict=False,
    )
    size = SIZES.get(name, 64)
    clips = torch.randn(1, 3, net.min_length + 3, size, size, generator=torch.Generator().manual_seed(0))
    head, vector = getattr(published, classifier), net(clips)
    logits = head(vector[:, :, None, None, None]).flatten(1) if name == "s3d" else head(vector)
    assert relative(logits, published(clips)) < 1e-5


@pytest.mark.slow
@torch.inference_mode()
def test_i3d_r50_gives_what_pytorchvideos_head_sees():
    from pytorchvideo.models.resnet import create_resnet

    net = BACKBONES["i3d-r50"]().eval()
    load_weights(net, "none")
    three, one = (3, 1, 1), (1, 1, 1)
    published = create_resnet(
        stem_conv_kernel_size=(5, 7, 7),
        stage1_pool=nn.MaxPool3d,
        head_pool_kernel_size=(4, 2, 2),
        stage_conv_a_kernel_size=(three, [three, one], [three, one], [one, three]),
    ).eval()
    missing = published.load_state_dict(net.state_dict(), strict=False).missing_keys
    assert missing == ["blocks.6.proj.weight", "blocks.6.proj.bias"]
    assert len(published.state_dict()) == 320  # tensors of the published file
    clips = torch.randn(1, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    assert relative(published.blocks[6].proj(net(clips)), published(clips)) < 1e-5


@pytest.mark.slow
@torch.inference_mode()
def test_joined_levels_end_with_the_published_vector_and_logits_come_from_it():
    net = InceptionI3D("i3d-rgb-levels", levels=LEVELS).eval()
    load_weights(net, "none")
    last = InceptionI3D().eval()
    last.load_state_dict(net.state_dict())
    clips = torch.randn(1, 3, 17, 224, 224, generator=torch.Generator().manual_seed(0))
    rows, vector = net(clips), last(clips)
    assert rows.shape == (1, 480 + 832 + 1024) and rows.isfinite().all()
    assert torch.equal(rows[:, -1024:], vector)
    middle = net._run(clips, LEVELS)
    assert relative(rows[:, :480], middle["Mixed_3c"].mean((2, 3, 4))) < 1e-6
    logits = last.logits.conv3d(vector[:, :, None, None, None]).flatten(
        1
    )  # a mean over time commutes with it
    assert relative(last.class_logits(clips), logits) < 1e-5


def test_an_unknown_level_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="Mixed_9z.*Mixed_3b"):
        InceptionI3D(levels=("Mixed_9z",))


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_i3d_has_deepminds_tensors_and_no_others(stream):
    with torch.device("meta"):
        state = BACKBONES[f"i3d-{stream}"]().state_dict()
    shapes = {
        checkpoint_name(name): checkpoint_array(torch.empty(each.shape)).shape for name, each in state.items()
    }
    without = {name.rpartition(".")[2] for name in state if checkpoint_name(name) is None}
    assert without == {"weight", "num_batches_tracked"}  # gamma and the counter, which TensorFlow has not
    del shapes[None]
    assert len(shapes) == 230
    assert shapes == {name: each.shape for name, each in checkpoint_tensors(stream).items()}


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_the_committed_facts_are_those_of_the_reference(stream, test_data):
    reference = json.loads((test_data / "i3d_reference" / f"{stream}_imagenet_tensors.json").read_text())
    facts = checkpoint_tensors(stream)
    assert len(reference) == len(facts) == 230
    for each in reference:
        fact = facts[each["name"].partition("/inception_i3d/")[2]]
        assert (list(fact.shape), fact.crc32c_masked) == (each["shape"], each["crc32c_masked"])
