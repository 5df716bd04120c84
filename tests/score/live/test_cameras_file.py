"""The cameras' YAML: what it says, and a line for each mistake."""

import numpy as np
import pytest
from PIL import Image

from score.live.cameras_file import read_cameras_file


def written(tmp_path, text):
    path = tmp_path / "cameras.yaml"
    path.write_text(text)
    return path


def test_every_setting_is_read(tmp_path, monkeypatch):
    white = np.zeros((4, 6, 3), np.uint8)
    white[:, :2] = 255
    Image.fromarray(white).save(tmp_path / "zone.png")
    (tmp_path / "gate").write_text("rtsp://u:geheim@camera/live")
    (tmp_path / "gate").chmod(0o600)
    monkeypatch.setenv("YARD", "http://u:geheim@yard/video")
    cameras = read_cameras_file(
        written(
            tmp_path,
            "cameras:\n"
            "- {name: gate, place: north, address_file: gate, ignore: zone.png, threshold: 0.6, rate: 10}\n"
            "- name: yard\n  address_variable: YARD\n"
            "  ignore: {size: [10, 4], polygons: [[[0, 0], [4, 0], [4, 3], [0, 3]]]}\n"
            "- {name: hall, address: rtsp://hall/live}\n",
        )
    )
    gate, yard, hall = cameras
    assert (gate.name, gate.place, gate.threshold, gate.rate) == ("gate", "north", 0.6, 10)
    assert gate.address.text == "rtsp://u:geheim@camera/live"
    np.testing.assert_array_equal(gate.ignored, white[:, :, 0] > 0)
    assert yard.ignored is not None
    assert yard.ignored.shape == (4, 10) and yard.ignored[:, :5].all() and not yard.ignored[:, 5:].any()
    assert (hall.ignored, hall.threshold, hall.rate, hall.place) == (None, None, None, "")
    assert "geheim" not in repr(cameras)


def test_every_mistake_is_one_line_that_names_its_camera(tmp_path):
    path = written(
        tmp_path,
        "cameras:\n"
        "- {name: gate, adress: rtsp://u:geheim@h/x}\n"
        "- {name: yard, address: 'rtsp://u:geheim@h/x'}\n"
        "- {name: hall, address: rtsp://h/x, threshold: 2}\n"
        "- {name: roof, address: rtsp://h/y, address_file: z}\n"
        "- {address: rtsp://h/z}\n"
        "- 7\n"
        "- {name: one, address: rtsp://h/one}\n"
        "- {name: ONE, address: rtsp://h/two}\n"
        "- {name: two, address: rtsp://h/one}\n"
        "- {name: huge, address: rtsp://h/3, ignore: {size: [65536, 65536], "
        "polygons: [[[0, 0], [1, 1], [2, 0]]]}}\n",
    )
    with pytest.raises(ValueError, match=".") as refused:
        read_cameras_file(path)
    lines = str(refused.value).split("\n")
    assert "geheim" not in str(refused.value)
    for line, words in zip(
        lines,
        [
            "camera 1 ('gate'): unknown setting 'adress'; did you mean 'address'?",
            "camera 1 ('gate'): expected one of address, address_file, address_variable, got none",
            "camera 2 ('yard'): address holds a name or password",
            "camera 3 ('hall'): threshold: Input should be less than or equal to 1",
            "camera 4 ('roof'): expected one of address, address_file, address_variable, got address and",
            "camera 5: name: Field required",
            "camera 6: expected name: and address: lines",
            "camera 10 ('huge'): ignore.size is 65536x65536 pixels; expected 67108864 at most",
            "two cameras have the name 'ONE'",
            "'one' and 'two' have the same address",
        ],
        strict=True,
    ):
        assert line.startswith(f"{path}: ") and words in line


@pytest.mark.parametrize(
    "text", ["", "cameras: {}", "cameras: []", "[1]", "cameras: [*a]", "cameras: [1]\nmore: 2"]
)
def test_another_file_is_refused_in_one_line(tmp_path, text):
    with pytest.raises(ValueError, match="cameras.yaml") as refused:
        read_cameras_file(written(tmp_path, text))
    assert "\n" not in str(refused.value)
