"""Each attribute of regions alone and left out: the table of one trained head."""

import numpy as np
from click.testing import CliRunner

from data_lists import Video, frame_labels
from data_lists.tsv import write_list
from score.config.presets import preset_of
from score.config.run_config import resolve
from score.metrics import roc_auc
from score.scoring.scorer import Scorer
from score.training.loop import train_seed
from score.training.training_data import prepare
from scripts.experiments.attribute_ablation import main, subsets
from support.tiny_regions import LENGTH, ODD, make_region_store

TRAIN = [Video(f"n{number}") for number in range(4)]
TEST = [Video("a", "Anomaly", LENGTH, (ODD,)), Video("b", "Normal", LENGTH)]


def test_the_table_has_the_trained_head_and_what_it_would_be_with_fewer_attributes(tmp_path):
    store = make_region_store(tmp_path / "store", TRAIN + TEST)
    config = resolve(preset_of("attributes"), overrides=["head.gallery=500"])
    run = tmp_path / "run" / "seed_0"
    checkpoint = train_seed(config, prepare(config, [store], TRAIN), folder=run, seed=0)
    write_list(tmp_path / "test.tsv", TEST)
    result = CliRunner().invoke(main, [str(run), str(store.root), str(tmp_path / "test.tsv")])
    assert result.exit_code == 0, result.output
    rows = [line.strip("| ").split(" | ") for line in result.output.splitlines()[2:]]
    found = {name: float(value) for name, value, _ in rows}
    scorer = Scorer(checkpoint)
    score = [each.segment_score for _, each in scorer.score_store([store], ["a", "b"])]
    label = [frame_labels(video, LENGTH) for video in TEST]
    expected = roc_auc(np.concatenate(label), np.concatenate(score)).value
    assert expected is not None and abs(found["all"] - expected) < 6e-4
    # Only its speed is odd.
    assert found["speed alone"] > 0.9 > found["crop alone"] and found["without crop"] > 0.9
    assert [*found] == [*subsets(["speed", "steps", "crop"])] and len(found) == 7
