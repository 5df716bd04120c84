"""What a match says about networks that it could not compare."""

from extract.matching.match_report import not_compared_lines


def test_a_file_that_fits_no_network_is_reported_once():
    lines = not_compared_lines(
        {
            "r2plus1d_18": "w.pth does not fit r2plus1d_18: 185 missing",
            "clip-vit-b16": "w.pth does not fit clip-vit-b16: 152 missing",
            "clip-vit-b16-mean": "w.pth does not fit clip-vit-b16: 152 missing",
        }
    )
    assert lines == [
        "  not compared: r2plus1d_18, clip-vit-b16, clip-vit-b16-mean: "
        "w.pth does not fit r2plus1d_18: 185 missing; nor does it fit the others"
    ]


def test_presets_of_one_network_share_its_reason():
    reason = "w.pth does not fit clip-vit-b16: 152 missing"
    (line,) = not_compared_lines({"clip-vit-b16": reason, "clip-vit-b16-mean": reason})
    assert line == f"  not compared: clip-vit-b16, clip-vit-b16-mean: {reason}"


def test_missing_weights_are_one_line_with_the_option():
    reasons = {name: f"no weights on this machine (--weights {name}=FILE)" for name in ("s3d", "vggish")}
    (line,) = not_compared_lines(reasons)
    assert line == "  not compared: s3d, vggish: no weights on this machine (--weights PRESET=FILE)"
    (line,) = not_compared_lines({"s3d": reasons["s3d"]})
    assert line.endswith("(--weights s3d=FILE)")
