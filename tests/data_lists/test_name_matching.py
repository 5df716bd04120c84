"""Found names belong to wanted ids by one rule; what fits twice or not at all is named, never guessed."""

import itertools
import unicodedata

import pytest

from data_lists.name_matching import COMPARED, difference, match_names, nearest_names, plain_name

CAFE = "Café"


@pytest.mark.parametrize(
    "wanted, found",
    [
        ("Abuse/Abuse001_x264", "Abuse/Abuse001_x264"),
        ("Abuse/Abuse001_x264", "Abuse001_x264_i3d.npy"),
        ("Abuse/Abuse001_x264", "deep/er/Abuse001.mat"),
        ("Abuse001", "Abuse001_x264.mp4.npy"),
        ("Abuse001.mp4", "Abuse001__vggish"),
        ("a/b", "a\\b.txt"),
        ("a/b", "./a/b"),
        (unicodedata.normalize("NFC", CAFE), unicodedata.normalize("NFD", CAFE)),
        ("A.Beautiful.Mind.2001__#00-25-20_label_A", "A.Beautiful.Mind.2001__#00-25-20_label_A_RGB.npy"),
        ("_rgb", "x/_rgb.npy"),  # nothing but a suffix stays as it is
    ],
)
def test_spellings_of_one_name_are_matched(wanted, found):
    matches = match_names([wanted, "other"], [found, "more"])
    assert matches.matched == {wanted: found}
    assert (matches.unmatched, matches.unused) == (["other"], ["more"])


@pytest.mark.parametrize(
    "wanted, found, expected",
    [
        # The whole id wins over names that only look like it.
        (["v"], ["v", "v_i3d", "x/v"], {"v": "v"}),
        (
            ["cam_rgb", "cam_flow"],
            ["x/cam_flow", "x/cam_rgb"],
            {"cam_rgb": "x/cam_rgb", "cam_flow": "x/cam_flow"},
        ),
        # More folders decide between equal last components.
        (["s/A/v", "s/B/v"], ["B/v", "A/v"], {"s/A/v": "A/v", "s/B/v": "B/v"}),
        (["A/v"], ["A/v_i3d", "B/v"], {"A/v": "A/v_i3d"}),
    ],
)
def test_the_nearest_fit_wins(wanted, found, expected):
    for names in itertools.permutations(found):
        assert match_names(wanted, names).matched == expected


@pytest.mark.parametrize(
    "wanted, found, ambiguous",
    [
        (["o/v"], ["A/v", "B/v"], {"o/v": ["A/v", "B/v"]}),
        (["v"], ["v", "v"], {"v": ["v", "v"]}),
        (["v"], ["v_rgb", "v_flow"], {"v": ["v_rgb", "v_flow"]}),
        (["A/v", "B/v"], ["v"], {"A/v": ["v"], "B/v": ["v"]}),
        # B/v is not given what is left over, because C/v may be another video.
        (["A/v", "B/v"], ["A/v", "C/v"], {"B/v": ["C/v"]}),
    ],
)
def test_what_fits_twice_is_ambiguous(wanted, found, ambiguous):
    matches = match_names(wanted, found)
    assert matches.ambiguous == ambiguous and not matches.unmatched
    assert all(
        ("twice" if found == ["v", "v"] else "not unique") in matches.reason(each) for each in ambiguous
    )


def test_every_id_and_every_name_appears_exactly_once():
    ids = [f"{folder}/{stem}{ending}" for folder, stem in ("Av", "Aw", "Bv") for ending in ("", "_x264")]
    for wanted, found in itertools.product(itertools.combinations(ids, 3), itertools.combinations(ids, 3)):
        matches = match_names(wanted, found)
        assert sorted([*matches.matched, *matches.ambiguous, *matches.unmatched]) == sorted(wanted)
        assert sorted([*matches.matched.values(), *matches.unused]) == sorted(found)
        # What is spelled alike is matched, whatever else is there.
        assert all(matches.matched[each] == each for each in set(wanted) & set(found))


@pytest.mark.parametrize(
    "wanted, name, reason",
    [
        ("Abuse001", "abuse001", "other case"),
        ("Abuse001", "Abuse001.npy", "other suffix"),
        ("Abuse001", "Abuse001_x264", "other ending, such as _x264 or _i3d"),
        ("A/v", "B/v", "other folder"),
        ("Abuse1", "Abuse001", "other leading zeros"),
        ("my cam", "my_cam", "other spaces, hyphens or underscores"),
        (
            unicodedata.normalize("NFC", CAFE),
            unicodedata.normalize("NFD", CAFE),
            "other Unicode form, NFC or NFD",
        ),
        ("A/v", "b/V.npy", "other folder, other case, other suffix"),
        ("v", "w", ""),
        ("v", "v", ""),
    ],
)
def test_what_sets_two_spellings_apart(wanted, name, reason):
    assert difference(wanted, name) == reason


@pytest.mark.parametrize("others", [0, 3 * COMPARED])
def test_the_three_nearest_names_come_with_their_reasons(others):
    found = ["zz/abuse001", "Abuse002", "Abuse003", "Abuse9", *(f"x{number}" for number in range(others))]
    assert nearest_names("Abuse001", found)[0] == "zz/abuse001 (other folder, other case)"
    assert set(nearest_names("Abuse001", found)[1:]) == {"Abuse002", "Abuse003"}
    line = match_names(["Abuse001"], found).reason("Abuse001")
    assert line.startswith("no such name; nearest: zz/abuse001 (other folder, other case), Abuse00")


def test_known_suffixes_are_stripped_as_many_as_there_are():
    assert plain_name("a/Abuse001_x264.mp4_i3d_RGB.npy") == "Abuse001"
    assert plain_name("v.1") == "v.1" and plain_name("") == ""
