"""Boxes, tracks and poses from files: the same people from every format, and mistakes with their location."""

import json

import numpy as np
import pytest
from PIL import Image

from extract.presets.scene_preset import Scene
from extract.runtime.foreign.printable import printable
from extract.scene.detections import MOST_PEOPLE, TracksError
from extract.scene.detectors import make_detector
from extract.scene.people import JOINT_INDEX, JOINTS, UNKNOWN_ID
from extract.scene.track_files import read_track_file, read_tracks
from extract.scene.track_formats import OPENPOSE
from support.hostile_files import CONTENTS, IRREGULAR

FRAMES = np.zeros((3, 60, 80, 3), np.uint8)


def write_all(folder):
    """Person 4 in frames 0 and 2, person 9 in frame 2, in every format that has identities."""
    rows = [(0, 4, 10, 20, 22, 50), (2, 4, 14, 20, 26, 50), (2, 9, 40, 10, 52, 44)]
    (folder / "a.csv").write_text(
        "frame,track_id,x1,y1,x2,y2\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    )
    frames = [
        {"frame": frame, "people": [{"track_id": row[1], "box": row[2:]} for row in rows if row[0] == frame]}
        for frame in (0, 2)
    ]
    (folder / "b.json").write_text(json.dumps({"frames": frames}))
    mot = [f"{f + 1},{i},{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1},1,-1,-1,-1\n" for f, i, x1, y1, x2, y2 in rows]
    (folder / "c.txt").write_text("".join(mot))
    (folder / "d" / "tracks").mkdir(parents=True)
    for frame in range(3):
        lines = [" ".join(map(str, row[1:])) for row in rows if row[0] == frame]
        (folder / "d" / "tracks" / f"{frame:04d}.txt").write_text("\n".join(lines))
    return ("a", "b", "c", "d")


def test_every_format_yields_the_same_people(tmp_path):
    for name in write_all(tmp_path):
        found = read_tracks(tmp_path, name)
        assert found.identified and sorted(found.frames) == [0, 2]
        assert found.at(0).boxes.tolist() == [[10, 20, 22, 50]] and len(found.at(1)) == 0
        assert found.at(2).track_id.tolist() == [4, 9] and found.at(2).boxes[1].tolist() == [40, 10, 52, 44]


def test_savd_frames_count_from_the_first_image(tmp_path):
    video = tmp_path / "videos" / "room1"
    for folder in ("rgb", "tracks"):
        (video / folder).mkdir(parents=True)
    for number in (7, 8, 9):
        Image.fromarray(FRAMES[0]).save(video / "rgb" / f"{number:04d}.png")
    (video / "tracks" / "0009.txt").write_text("3 1 2 30 40\n")
    found = read_tracks(tmp_path, "videos/room1/rgb", videos=tmp_path)
    assert sorted(found.frames) == [2] and found.at(2).track_id.tolist() == [3]


def test_of_mots_ground_truth_only_active_pedestrians_are_read(tmp_path):
    (tmp_path / "a.txt").write_text(
        "1,1,5,5,10,20,1,1,0.9\n1,2,5,5,10,20,0,1,0.9\n1,3,5,5,10,20,1,8,1\n2,-1,5,5,10,20,1,1,1\n"
    )
    found = read_track_file(tmp_path / "a.txt")
    assert found.at(0).track_id.tolist() == [1] and found.at(1).track_id.tolist() == [UNKNOWN_ID]


@pytest.mark.parametrize("count", OPENPOSE)
def test_openpose_joints_are_converted_to_those_of_coco(count, tmp_path):
    """Joint k of OpenPose is at (10 + k, 20 + 2 k); in both sets the nose is joint 0, the right wrist 4."""
    flat = np.stack([10.0 + np.arange(count), 20.0 + 2 * np.arange(count), np.full(count, 0.9)], axis=1)
    (tmp_path / "video_000000000002_keypoints.json").write_text(
        json.dumps({"people": [{"pose_keypoints_2d": flat.ravel().tolist()}]})
    )
    found = read_track_file(tmp_path)
    seen = found.at(2)
    assert not found.identified and len(seen) == 1 and seen.scores[0] == pytest.approx(0.9)
    assert np.allclose(seen.keypoints[0, JOINT_INDEX["nose"]], [10, 20, 0.9])
    assert np.allclose(seen.keypoints[0, JOINT_INDEX["right_wrist"]], [14, 28, 0.9])
    assert np.allclose(seen.keypoints[0, JOINT_INDEX["left_shoulder"]], [15, 30, 0.9])
    assert len(set(OPENPOSE[count])) == len(JOINTS)
    left, top, right, bottom = seen.boxes[0]
    x, y = seen.keypoints[0, :, 0], seen.keypoints[0, :, 1]
    assert left < x.min() and right > x.max() and top < y.min() and bottom > y.max()


def test_csv_joints_and_scores_are_read(tmp_path):
    (tmp_path / "a.csv").write_text(
        "frame,x1,y1,x2,y2,score,nose_x,nose_y,nose_c\n3,1,2,30,40,0.75,12,8,0.5\n4,1,2,30,40,,,,\n"
    )
    found = read_track_file(tmp_path / "a.csv")
    assert not found.identified and found.at(3).scores[0] == 0.75 and found.at(4).scores[0] == 1
    assert found.at(3).keypoints[0, JOINT_INDEX["nose"]].tolist() == [12, 8, 0.5]
    assert not found.at(4).keypoints.any()


def one_person(*, frame, joint=(5, 5, 0.9)):
    """The content of a JSON file with one person, whose nose is the joint."""
    joints = [list(joint), *[[6, 7, 0.5]] * 16]
    return {"frames": [{"frame": frame, "people": [{"box": [1, 2, 30, 40], "keypoints": joints}]}]}


def openpose(folder, *, joints=25, frame=0, low=10.0, high=60.0, unknown=()):
    """A file of OpenPose with one person whose known joints are evenly spaced from low to high."""
    positions = np.linspace(low, high, joints) if low < high else np.full(joints, low)
    pose = np.stack([positions, positions, np.full(joints, 0.9)], axis=1)
    pose[list(unknown)] = 0
    folder.mkdir(exist_ok=True)
    content = {"people": [{"pose_keypoints_2d": pose.ravel().tolist()}]}
    path = folder / f"video_{frame:012d}_keypoints.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("content", ["[]", "3", "{}", '{"people": null}', '{"people": {"a": 1}}'])
def test_malformed_openpose_files_are_reported_by_name(content, tmp_path):
    openpose(tmp_path)
    (tmp_path / "video_000000000001_keypoints.json").write_text(content)
    with pytest.raises(TracksError, match=r"video_000000000001_keypoints.json: expected .*people") as error:
        read_track_file(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "people", [[None], [[]], [{"pose_keypoints_2d": None}], [{"pose_keypoints_2d": [1, 2]}]]
)
def test_malformed_openpose_people_are_reported_with_their_location(people, tmp_path):
    (tmp_path / "video_0_keypoints.json").write_text(json.dumps({"people": people}))
    with pytest.raises(TracksError, match=r"video_0_keypoints.json people.0.: expected pose_keypoints_2d"):
        read_track_file(tmp_path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_openpose_joints_that_are_not_finite_are_reported_with_file_and_frame(number, tmp_path, recwarn):
    openpose(tmp_path, frame=5, low=number, high=number)
    with pytest.raises(TracksError, match=r"video_000000000005_keypoints.json people.0.: nose is .*frame 5"):
        read_track_file(tmp_path)
    assert not recwarn


@pytest.mark.parametrize("low", [0.1, -0.9])
def test_openpose_coordinates_relative_to_the_image_are_refused(low, tmp_path):
    openpose(tmp_path, low=low, high=0.9, unknown=[3])
    openpose(tmp_path, frame=1, low=low, high=1.0)
    with pytest.raises(
        TracksError, match="are at most 1, expected pixels; run OpenPose with keypoint_scale 0"
    ):
        read_track_file(tmp_path)
    openpose(
        tmp_path, frame=2, low=0.5, high=1.5
    )  # one coordinate above 1: pixels, of somebody in the corner
    assert len(read_track_file(tmp_path).at(2)) == 1


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    """As pandas writes a column of numbers once it has gaps."""
    large = 2**62 + 1  # which a float would round
    (tmp_path / "a.csv").write_text(
        f"frame,track_id,x1,y1,x2,y2\n3.0,7.0,1,2,30,40\n3.0,,2,2,30,40\n4,{large},1,2,3,4\n"
    )
    found = read_track_file(tmp_path / "a.csv")
    assert found.at(3).track_id.tolist() == [7, UNKNOWN_ID] and found.at(4).track_id.tolist() == [large]
    (tmp_path / "b.json").write_text(json.dumps(one_person(frame=3.0)))
    assert len(read_track_file(tmp_path / "b.json").at(3)) == 1


def test_a_folder_without_files_of_people_is_refused(tmp_path):
    (tmp_path / "0001.png").touch()
    with pytest.raises(
        TracksError, match="no people in this folder, expected one file per frame, .*SAVD.*OpenPose.$"
    ):
        read_track_file(tmp_path)
    (tmp_path / "tracks").mkdir()
    (tmp_path / "tracks" / "0001.txt").touch()
    with pytest.raises(TracksError, match=f"it contains a folder tracks: give {tmp_path / 'tracks'}$"):
        read_track_file(tmp_path)
    assert not read_track_file(tmp_path / "tracks").frames  # an empty file is a frame without people


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", "frame,x1,y1,x2\n", "line 1: column y2 is missing"),
        ("a.csv", "frame,x1,y1,x2,y2\n0,1,2,3,no\n", "line 2: cannot be read as a person"),
        (
            "a.csv",
            "frame,x1,y1,x2,y2\n0,9,2,3,5\n",
            "line 2: box .9.0, 2.0, 3.0, 5.0. is not left, top, right, bottom",
        ),
        (
            "a.csv",
            "frame,track_id,x1,y1,x2,y2\n0,1,0,0,3,5\n0,1,4,0,9,5\n",
            "line 3: frame 0 has track 1 twice, first in line 2",
        ),
        (
            "a.csv",
            "frame,x1,y1,x2,y2,score\n0,1,2,3,4,7\n",
            "line 2: score 7.0, expected a number from 0 to 1",
        ),
        ("a.csv", "frame,x1,y1,x2,y2\n-1,1,2,3,4\n", "line 2: frame -1, expected 0 or more"),
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "[]", "expected ..frames"),
        (
            "a.json",
            '{"frames": [{"frame": 0, "people": [{"box": [1, 2]}]}]}',
            r"frames.0..people.0.: cannot be read as a person",
        ),
        ("a.txt", "1,1,a\n", "line 1: expected frame,id,left,top,width,height"),
        (
            "a.csv",
            "frame,x1,y1,x2,y2\n1.5,1,2,3,4\n",
            "line 2: cannot be read as a person .*1.5 is not a whole number",
        ),
        (
            "a.csv",
            "frame,track_id,x1,y1,x2,y2\n1,7.5,1,2,3,4\n",
            "line 2: cannot be read as a person .*7.5 is not a whole number",
        ),
        (
            "a.csv",
            "frame,x1,y1,x2,y2,nose_x,nose_y\n6,1,2,3,4,nan,5\n",
            "line 2: nose is .nan, 5.0, 1.0., .*frame 6",
        ),
        ("a.csv", "frame,x1,y1,x2,y2\n6,1,2,inf,4\n", "line 2: box .1.0, 2.0, inf, 4.0. is not .*frame 6"),
        ("a.csv", "frame,x1,y1,x2,y2,score\n6,1,2,3,4,nan\n", "line 2: score nan, expected .*frame 6"),
        ("a.csv", "frame,x1,y1,x2,y2\n" + "9" * 140_000, "line 2: cannot be read as CSV .field larger than"),
        (
            "a.csv",
            f"frame,track_id,x1,y1,x2,y2\n0,{2**63},1,2,3,4\n",
            "line 2: id 9223372036854775808, expected",
        ),
        (
            "a.json",
            json.dumps(one_person(frame=3, joint=[5, float("inf"), 0.9])),
            "people.0.: nose is .5.0, inf.*frame 3",
        ),
        (
            "a.json",
            json.dumps(one_person(frame=3, joint=[1e30, 5, 0.9])),
            "people.0.: nose is .1e.30, 5.*frame 3",
        ),
        (
            "a.json",
            json.dumps(one_person(frame=float("inf"))),
            "people.0.: cannot be read as a person .*inf is not a whole number",
        ),
        (
            "a.json",
            json.dumps(one_person(frame=1.5)),
            "people.0.: cannot be read as a person .*1.5 is not a whole number",
        ),
        (
            "a.json",
            json.dumps(one_person(frame=0, joint=[10**400, 5, 1])),
            "people.0.: cannot be read as a person",
        ),
        ("a.json", "[" * 200_000, "cannot be read as JSON"),
        ("a.txt", "inf,1,1,2,3,4\n", "line 1: expected frame,id,left,top,width,height"),
        ("a.xml", "", "track files end in .csv, .json, .txt"),
    ],
)
def test_mistakes_are_reported_with_their_location(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(TracksError, match=message) as error:
        read_track_file(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_missing_and_ambiguous_tracks_are_reported(tmp_path):
    with pytest.raises(TracksError, match="no tracks in .*: expected x/y.csv, .json or .txt"):
        read_tracks(tmp_path, "x/y")
    for suffix in ("csv", "json"):
        (tmp_path / f"a.{suffix}").touch()
    with pytest.raises(TracksError, match="two track files match"):
        read_tracks(tmp_path, "a")


def test_identities_of_files_are_kept_and_boxes_are_clipped_at_the_border(tmp_path):
    (tmp_path / "a.csv").write_text(
        "frame,track_id,x1,y1,x2,y2\n0,70,-5,10,20,70\n1,70,100,10,120,50\n2,31,60,5,70,30\n"
    )
    track_people = make_detector(Scene(detector="files"), tracks=tmp_path, videos=tmp_path).for_video(
        "a", fps=12.5
    )
    seen = track_people(FRAMES, np.arange(3))
    assert [each.track_id.tolist() for each in seen] == [[70], [], [31]]
    assert seen[0].boxes.tolist() == [[0, 10, 20, 60]]


def test_people_without_identity_are_tracked(tmp_path):
    (tmp_path / "a.csv").write_text("frame,x1,y1,x2,y2\n0,10,10,20,40\n1,11,10,21,40\n2,12,10,22,40\n")
    detector = make_detector(Scene(detector="files"), tracks=tmp_path / "a.csv")
    seen = detector.for_video("a", fps=12.5)(FRAMES, np.arange(3))
    assert [each.track_id.tolist() for each in seen] == [[0], [0], [0]]
    unnamed = make_detector(Scene(detector="files", tracker="none"), tracks=tmp_path / "a.csv").for_video(
        "a", fps=12.5
    )
    assert unnamed(FRAMES, np.arange(3))[0].track_id.tolist() == [UNKNOWN_ID]


@pytest.mark.parametrize("kind", [kind for kind in IRREGULAR if kind != "missing"])
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.txt", "a/1.txt", "a/1_keypoints.json"])
def test_tracks_that_are_no_regular_files_are_refused_by_name(kind, name, tmp_path):
    (tmp_path / "a").mkdir()
    IRREGULAR[kind](tmp_path / name)
    with pytest.raises(TracksError) as caught:
        read_tracks(tmp_path, "a")
    assert str(caught.value).isprintable()
    # A folder a.csv is no file of tracks, so none is found.
    assert name in str(caught.value) or kind == "folder"


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.txt", "a/1.txt", "a/1_keypoints.json"])
def test_tracks_of_other_bytes_are_one_printable_line(kind, name, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / name).write_bytes(CONTENTS[kind])
    try:
        assert not read_tracks(tmp_path, "a").frames and kind == "empty"
    except TracksError as error:
        assert str(tmp_path / name) in str(error) and printable(str(error)) == str(error)


def test_more_people_than_a_frame_can_show_and_frames_beyond_any_video_are_refused(tmp_path):
    header = "frame,x1,y1,x2,y2\n"
    (tmp_path / "a.csv").write_text(header + "5,1,2,3,4\n" * (MOST_PEOPLE + 1))
    with pytest.raises(TracksError, match="a.csv: 1001 people in frame 5, expected at most 1000"):
        read_track_file(tmp_path / "a.csv")
    for frame in ("1000000000000", "9" * 400):
        (tmp_path / "a.csv").write_text(f"{header}{frame},1,2,3,4\n")
        with pytest.raises(TracksError, match="line 2: frame .*, expected one below 268435456"):
            read_track_file(tmp_path / "a.csv")


def test_the_digest_of_a_folder_refuses_what_never_ends(tmp_path):
    (tmp_path / "1.txt").write_text("3 1 2 30 40\n")
    found = read_track_file(tmp_path)
    assert len(found.record()["sha256"]) == 64
    (tmp_path / "2.txt").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="2.txt: is a device"):
        found.record()
