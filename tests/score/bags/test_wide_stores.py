"""data.normalise=wide and data.feature_dropout change stores of many features, and none of few."""

import numpy as np
import pytest
import torch

from score.bags.cache import BagCache
from score.bags.standardise import PLAIN_WIDTH
from score.config.presets import preset_of
from score.config.run_config import ConfigError, resolve
from score.training.training_data import prepare
from support.tiny_stores import make_store, make_videos

WIDTHS = {"wide": PLAIN_WIDTH + 72, "narrow": PLAIN_WIDTH}
LENGTHS, CROPS = (3, 5, 4), 2


@pytest.fixture
def cache():
    random = np.random.default_rng(0)
    features = {
        name: torch.from_numpy(random.normal(2, 1, (sum(LENGTHS), CROPS, width)).astype(np.float32))
        for name, width in WIDTHS.items()
    }
    length = torch.tensor(LENGTHS)
    label = torch.tensor([0.0, 1.0, 0.0])
    return BagCache(features, length.cumsum(0) - length, length, label, label.long(), ("a", "b", "c"))


def drawn(cache, seed=0, **options):
    return cache.bags(torch.arange(3), generator=torch.Generator().manual_seed(seed), **options)


def test_only_rows_of_wide_stores_get_length_one(cache):
    before = {name: rows.clone() for name, rows in cache.features.items()}
    cache.transform(None, normalise="wide")
    assert torch.equal(cache.features["narrow"], before["narrow"])
    lengths = before["wide"].norm(dim=-1, keepdim=True)
    torch.testing.assert_close(cache.features["wide"], before["wide"] / lengths)


@pytest.mark.parametrize("rate", [0.25, 0.7])
def test_a_feature_left_out_is_zero_in_the_whole_video_and_the_rest_is_scaled_up(cache, rate):
    whole, shares = drawn(cache), []
    for seed in range(20):
        bags = drawn(cache, seed, feature_dropout=rate)
        assert torch.equal(bags.features["narrow"], whole.features["narrow"])
        rows, own = bags.features["wide"], whole.features["wide"]
        for video, length in enumerate(LENGTHS):
            crops = slice(video * CROPS, (video + 1) * CROPS)
            ratio = (rows[crops, :length] / own[crops, :length]).flatten(0, 1)
            assert torch.equal(ratio > 0, (ratio > 0)[:1].expand_as(ratio))  # the same features everywhere
            kept = ratio[0] > 0
            torch.testing.assert_close(
                ratio[:, kept], torch.full_like(ratio[:, kept], 1 / (1 - rate)), rtol=1e-5, atol=0
            )
            shares.append(1 - kept.float().mean())
        assert not rows[~bags.mask].any()
    error = (rate * (1 - rate) / (len(shares) * WIDTHS["wide"])) ** 0.5
    assert abs(float(torch.stack(shares).mean()) - rate) < 4 * error


def test_videos_lose_different_features_and_one_crop_as_many_as_all(cache):
    kept = drawn(cache, feature_dropout=0.5).features["wide"][::CROPS, 0] != 0
    assert not torch.equal(kept[0], kept[1])
    one = drawn(cache, crops="random", feature_dropout=0.5).features["wide"]
    assert one.shape[0] == 3 and 0.3 < float((one[:, 0] == 0).float().mean()) < 0.7


@pytest.mark.parametrize(("width", "refused"), [(PLAIN_WIDTH, False), (PLAIN_WIDTH + 1, True)])
def test_backgrounds_are_swapped_up_to_the_width_from_which_rows_get_length_one(tmp_path, width, refused):
    config = resolve(preset_of("rtfm"), overrides=["data.exchange=0.5", "train.epochs=1"])
    assert config.data.normalise == "wide"
    videos = make_videos(2, 2)
    store = make_store(tmp_path / "store", videos, feature_dim=width)
    if not refused:
        assert len(prepare(config, [store], videos).train) == 4
        return
    with pytest.raises(ConfigError, match="data.exchange is 0.5 .* on 129 features.*use data.normalise=none"):
        prepare(config, [store], videos)
