"""The JSON of evaluate: its schema is published, and every output fits it."""

import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from data_lists import Video, frame_labels
from score.evaluation.evaluate_videos import evaluate_videos
from score.evaluation.evaluation import Provenance, ScoredVideo
from score.evaluation.measure_names import NAMES, ORACLE_NAMES
from score.report.evaluation_json import SCHEMA, EvaluationJson, schema_text, to_json

VIDEOS = [Video("a", "Fight", 40, ((8, 18),)), Video("b", "Fire", 40, ((20, 30),)), Video("n", "Normal", 40)]


def evaluation(*, annotated=True, classes=("Normal", "Fight", "Fire"), seeds=2):
    rng = np.random.default_rng(0)
    scored = []
    for video in VIDEOS:
        scores = rng.random((seeds, 40))
        probability = rng.dirichlet(np.ones(3), size=seeds) if classes else None
        label = frame_labels(video, 40) if annotated else None
        scored.append(ScoredVideo(video, label, scores, scores.max(axis=1), class_probability=probability))
    about = Provenance("trial", details={"seeds": list(range(seeds))})
    return evaluate_videos(scored, about, event_classes=classes, resamples=20)


def test_the_published_schema_is_that_of_the_model():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
    schema = json.loads(schema_text())
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) >= {*NAMES, *ORACLE_NAMES}


@pytest.mark.parametrize(
    "options",
    [{}, {"annotated": False}, {"classes": ()}, {"seeds": 1}],
    ids=["everything", "no frame truth", "no classes", "one seed"],
)
def test_every_output_fits_the_schema_and_comes_back(options):
    values = json.loads(json.dumps(to_json(evaluation(**options)), allow_nan=False))
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(values)
    again = EvaluationJson.model_validate(values).model_dump(by_alias=True, exclude_unset=True)
    assert json.loads(json.dumps(again)) == values


def test_a_key_that_the_schema_does_not_name_is_refused():
    values = to_json(evaluation()) | {"frame_auk": 1.0}
    assert list(Draft202012Validator(json.loads(schema_text())).iter_errors(json.loads(json.dumps(values))))
    with pytest.raises(ValueError, match="frame_auk"):
        EvaluationJson.model_validate(values)
