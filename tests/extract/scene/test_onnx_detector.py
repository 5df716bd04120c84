"""Networks of users: read as the forms say, boxes where they are, and anything else refused by name."""

import dataclasses
import os

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from extract.cli import main
from extract.presets import PRESETS, Preset
from extract.presets.preset_overrides import overridden
from extract.presets.scene_preset import Scene
from extract.scene.detectors import make_detector
from extract.scene.onnx_detector import OnnxDetector
from extract.scene.yolo_outputs import Form, best_boxes, decoded, form_of, network_input

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIDE, CLASSES = 64, 3
CELLS = 8 * 8 + 4 * 4 + 2 * 2
FORMS = {
    "YOLOX": [1, CELLS, 5 + CLASSES],
    "YOLOv5": [1, 3 * CELLS, 5 + CLASSES],
    "YOLOv8": [1, 4 + CLASSES, CELLS],
}
every_form = pytest.mark.parametrize("name", FORMS)


def output_with(name: str, box, score: float, number: int) -> np.ndarray:
    """What a network of this form makes for one thing of a class. box: centre and size in its input."""
    rows = np.zeros(
        (3 * CELLS if name == "YOLOv5" else CELLS, CLASSES + (4 if name == "YOLOv8" else 5)), np.float32
    )
    x, y, width, height = box
    place = 8 * 3 + 5  # the cell in row 3 and column 5 of the finest grid
    if name == "YOLOX":
        rows[:, 2:4] = -20  # no size anywhere else
        rows[place, :4] = x / 8 - 5, y / 8 - 3, np.log(width / 8), np.log(height / 8)
    else:
        rows[place, :4] = box
    if name == "YOLOv8":
        rows[place, 4 + number] = score
        return np.ascontiguousarray(rows.T[None])
    rows[place, 4], rows[place, 5 + number] = 0.9, score / 0.9
    return rows[None]


def network(output: np.ndarray, *, shape=(1, 3, SIDE, SIDE), task: str | None = None):
    """A network that makes this output whatever it sees."""
    given = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, list(shape))
    made = onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, list(output.shape))
    weight = onnx.numpy_helper.from_array(output, "weight")
    node = onnx.helper.make_node("Identity", ["weight"], ["output"])
    graph = onnx.helper.make_graph([node], "graph", [given], [made], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=7)
    if task:
        onnx.helper.set_model_props(model, {"task": task})
    return model


def saved(path, model):
    path.write_bytes(model.SerializeToString())
    return path


@every_form
def test_a_box_comes_out_where_it_is_in_the_frame(name, tmp_path):
    output = output_with(name, (40, 28, 12, 16), 0.8, number=2)
    path = saved(tmp_path / "net.onnx", network(output))
    (people,) = OnnxDetector(path, classes=(1, 2))(np.zeros((1, 32, 128, 3), np.uint8))
    # The frame becomes 64 x 16: a factor of 1/2, and for all but YOLOX 24 rows of padding above it.
    top = 0 if name == "YOLOX" else 24
    expected = np.array([34, 20 - top, 46, 36 - top]) * 2
    np.testing.assert_allclose(people.boxes, [expected], atol=1e-3)
    assert people.scores == pytest.approx([0.8], abs=1e-6)
    assert not len(OnnxDetector(path)(np.zeros((1, 32, 128, 3), np.uint8))[0])  # class 0 is not there


@every_form
def test_the_shape_names_the_form(name):
    assert form_of([1, 3, SIDE, SIDE], FORMS[name]) == Form(name, SIDE, SIDE, CLASSES)
    assert form_of(["batch", 3, SIDE, SIDE], ["batch", *FORMS[name][1:]]).name == name


@pytest.mark.parametrize(
    "given, made, reason",
    [
        ([1, 3, "h", "w"], [1, CELLS, 8], "without dynamic axes"),
        ([1, 1, 64, 64], [1, CELLS, 8], "expected pictures"),
        ([1, 3, 60, 64], [1, CELLS, 8], "multiples of 32"),
        ([1, 3, 64, 64], [1, 300, 6], "without suppression of overlaps"),
        ([1, 3, 64, 64], [1, 4, CELLS], "expected .1, 84, 5"),
    ],
)
def test_other_shapes_are_refused(given, made, reason):
    with pytest.raises(ValueError, match=reason):
        form_of(given, made)


def test_the_cells_of_yolox_are_decoded_one_by_one():
    random = np.random.default_rng(0)
    rows = random.normal(size=(1, CELLS, 8)).astype(np.float32)
    rows[..., 4:] = random.random((1, CELLS, 4))
    boxes, scores = decoded(rows, Form("YOLOX", SIDE, SIDE, CLASSES))
    number = 0
    for step in (8, 16, 32):
        for y in range(SIDE // step):
            for x in range(SIDE // step):
                dx, dy, log_w, log_h, objectness, *classes = rows[0, number]
                centre, half = np.array([dx + x, dy + y]) * step, np.exp([log_w, log_h]) * step / 2
                np.testing.assert_allclose(
                    boxes[number], [*(centre - half), *(centre + half)], rtol=1e-4, atol=1e-3
                )
                np.testing.assert_allclose(scores[number], objectness * np.array(classes), rtol=1e-5)
                number += 1


@every_form
def test_a_frame_is_padded_and_scaled_as_its_form_says(name):
    frame = np.zeros((20, 40, 3), np.uint8)
    frame[...] = (10, 20, 30)
    planes, factor, (left, top) = network_input(frame, form_of([1, 3, SIDE, SIDE], FORMS[name]))
    assert planes.shape == (1, 3, SIDE, SIDE) and planes.dtype == np.float32 and factor == 1.6
    yolox = name == "YOLOX"
    assert (left, top) == ((0, 0) if yolox else (0, 16))
    picture = planes[0] if yolox else planes[0, ::-1] * 255  # blue first
    np.testing.assert_allclose(picture[:, top : top + 32].mean(axis=(1, 2)), [30, 20, 10], atol=1e-3)
    np.testing.assert_allclose(picture[:, top + 32 :], 114, atol=1e-3)
    np.testing.assert_allclose(picture[:, :top], 114, atol=1e-3)


def test_overlaps_are_suppressed_as_torchvision_does_it():
    from torchvision.ops import nms

    random = np.random.default_rng(1)
    corner = random.uniform(0, 50, (200, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 30, (200, 2))], axis=1).astype(np.float32)
    scores = random.permutation(200).astype(np.float32)
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.45)
    assert best_boxes(boxes, scores, overlap=0.45).tolist() == expected.tolist()
    assert not len(best_boxes(boxes[:0], scores[:0], overlap=0.45))


def external(path):
    model = network(np.zeros(FORMS["YOLOX"], np.float32))
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        location="beside.bin",
        size_threshold=0,
        convert_attribute=True,
    )
    return path


def nested_external(path):
    """The weight of a branch lies outside."""
    inner = network(np.zeros(FORMS["YOLOX"], np.float32)).graph
    tensor = inner.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model = network(np.zeros(FORMS["YOLOX"], np.float32))
    node = model.graph.node.add(op_type="If", name="branch")
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(inner)
    return saved(path, model)


REFUSED = {
    "weights beside it": (external, "keeps its weights in other files; save it as one file"),
    "weights of a branch beside it": (nested_external, "keeps its weights in other files"),
    "no network": (lambda path: path.write_bytes(b"\x08\x07nonsense" * 50) and path, "an ONNX network"),
    "another task": (
        lambda path: saved(path, network(np.zeros(FORMS["YOLOv8"], np.float32), task="pose")),
        "for the task 'pose', expected one that detects",
    ),
    "another output": (
        lambda path: saved(path, network(np.zeros((1, 300, 6), np.float32))),
        "makes .1, 300, 6.",
    ),
    "a pipe": (lambda path: os.mkfifo(path) or path, "is a pipe, expected an ONNX network"),
    "nothing": (lambda path: path, "no such file"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_files_are_refused_in_one_line(kind, tmp_path):
    make, reason = REFUSED[kind]
    with pytest.raises(ValueError, match=reason) as raised:
        OnnxDetector(make(tmp_path / "net.onnx"))
    assert str(raised.value).startswith(str(tmp_path / "net.onnx")) and "\n" not in str(raised.value)


def test_a_detector_needs_a_file_and_classes_that_it_knows(tmp_path):
    with pytest.raises(ValueError, match="needs --weights FILE.onnx"):
        make_detector(Scene(detector="onnx"))
    path = saved(tmp_path / "net.onnx", network(np.zeros(FORMS["YOLOX"], np.float32)))
    with pytest.raises(ValueError, match="has 3, but net.onnx knows the classes 0 to 2"):
        OnnxDetector(path, classes=(3,))
    with pytest.raises(ValueError, match="the detector hog knows no classes"):
        Scene(detector="hog", classes=(1,))
    with pytest.raises(ValueError, match="scene.classes is .-1,., expected numbers from 0"):
        Scene(detector="onnx", classes=(-1,))


def test_classes_are_in_the_spec_where_they_are_set_and_older_specs_are_read():
    plain = PRESETS["reclass"].spec(weights="w")
    assert "classes" not in plain.preprocessing["scene"]
    changed = overridden(PRESETS["reclass"], ["scene.detector=onnx", "scene.classes=[0,2]"])
    spec = changed.spec(weights="w")
    assert spec.preprocessing["scene"]["classes"] == [0, 2]
    assert Preset.from_spec(type(spec).from_json(spec.to_json()), PRESETS) == changed
    assert Preset.from_spec(dataclasses.replace(plain), PRESETS) == PRESETS["reclass"]


def test_a_published_network_finds_people_in_real_footage(test_data):
    import av

    detector = OnnxDetector(test_data / "weights/yolox_nano.onnx")
    assert detector.form == Form("YOLOX", 416, 416, 80)
    path = test_data / "fight_untrimmed/videos/test/fight_test_0_08.mp4"
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    (people,) = detector(frame[None])
    sure = people.select(people.scores > 0.3)
    assert len(sure) >= 2
    # Several men stand at a table, left of the middle, taller than wide.
    size = sure.boxes[:, 2:] - sure.boxes[:, :2]
    assert (size[:, 1] > size[:, 0]).all() and (sure.boxes[:, 0] < 200).all()


@pytest.mark.slow
def test_the_command_line_draws_what_they_find(test_data, tmp_path):
    video = str(test_data / "fight_untrimmed/videos/test/fight_test_0_08.mp4")
    weights = str(test_data / "weights/yolox_nano.onnx")
    for detector, more in (("onnx", ["--weights", weights]), ("foreground", [])):
        out = str(tmp_path / f"{detector}.mp4")
        done = CliRunner().invoke(
            main, ["scene", video, "--detector", detector, "--out", out, "--frames", "4", *more]
        )
        assert done.exit_code == 0, done.output
        assert "4 frames" in done.output and os.path.getsize(out) > 1000
