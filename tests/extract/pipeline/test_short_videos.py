"""Many short videos on a CPU: few zeros are computed, and a row never depends on what else is in the list."""

import numpy as np
import pytest

from data_lists import Video
from extract.pipeline.extractor import Extractor
from extract.pipeline.network_rows import NetworkRows
from extract.pipeline.run_settings import ExtractionJob, RunReport, RunSettings
from extract.presets import PRESETS
from extract.presets.preset_overrides import overridden
from extract.runtime.progress import Progress
from extract.store import FeatureStore
from support import video_corpus

SMALL = ["resize.size=32", "crop.size=32", "frame_stride=1", "segment_stride=4", "batch_size=[4, 4]"]
FRAMES = (3, 9, 6, 4, 14, 2, 7, 5, 10, 1)  # 1 3 2 1 4 1 2 2 3 1 clips of 4 frames
SETTINGS = RunSettings(device="cpu", workers=1, weights="none")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("short")
    for number, frames in enumerate(FRAMES):
        video_corpus.write_video(root / f"v{number}.mp4", frames)
    return root


def extracted(name, root, store, ids):
    """(sizes of the batches, rows of each video as bytes) of a run of its own."""
    preset = overridden(PRESETS[name], SMALL)
    sizes, report = [], RunReport()
    with Extractor(ExtractionJob(preset, root, store, SETTINGS)) as extractor:
        assert isinstance(extractor.rows, NetworkRows)
        extractor.rows.network.net.register_forward_pre_hook(lambda _net, clips: sizes.append(len(clips[0])))
        extractor.extract([Video(each) for each in ids], report, Progress(total=0, live=False))
    assert not report.failed
    return sizes, {each: np.asarray(FeatureStore(store).read(each).features).tobytes() for each in ids}


@pytest.mark.slow
def test_short_batches_change_no_bit_whatever_else_is_extracted(videos, tmp_path):
    name, ids = "efficientnet-lite0", [f"v{number}" for number in range(len(FRAMES))]
    sizes, together = extracted(name, videos, tmp_path / "together", ids)
    # zeros 3 + 1 + 2 + 3: as many as the 4, 4 and 1 clips with which batches of one are tried; then 2 for two
    assert sizes == [4, 4, 4, *(4, 4, 1), 1, 4, 1, *(2,), 2, 2, 4, 1]
    for order in (ids[::-1], ids[5:6], ids[8:9]):
        _, rows = extracted(name, videos, tmp_path / f"{len(order)}{order[0]}", order)
        assert rows == {each: together[each] for each in order}
