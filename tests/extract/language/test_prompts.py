"""Which classes and prompts the command text takes, and what it makes of several prompts."""

import json
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from data_lists import DATASETS, Video, write_list
from extract.backbones import BACKBONES
from extract.backbones.clip_text import TEXT_TOWERS, ClipText
from extract.backbones.clip_vit import ClipVit
from extract.cli import main
from extract.language.prompts import class_names, class_prompts
from extract.language.text_features import encode, mean_text
from extract.language.tokens import tokenize
from extract.store.texts import read_class_texts
from extract.weights import load_weights
from extract.weights.load import state_digest
from extract.weights.untrained import fill_random


def test_classes_are_names_a_file_a_data_set_or_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert class_names("Normal, Fighting ,Road accident,") == ("Normal", "Fighting", "Road accident")
    (tmp_path / "names.txt").write_text("Normal\n\n Riot \n")
    assert class_names("names.txt") == ("Normal", "Riot")
    assert class_names("ucf_crime") == DATASETS["ucf_crime"] and class_names("ucf_crime")[0] == "Normal"
    assert set(class_names("ucf_crime/test")) == set(DATASETS["ucf_crime"])
    write_list(tmp_path / "own.tsv", [Video("b", "Riot"), Video("a", "Arson"), Video("c")])
    assert class_names("own.tsv") == ("Normal", "Arson", "Riot")


@pytest.mark.parametrize(
    "choice, reason",
    [
        ("ucf_crime/all", "ucf_crime/all is neither a data set, nor a file, nor a list"),
        ("names.txt", "names.txt is neither a data set, nor a file, nor a list: names.txt: no such file"),
        ("prompts.json", "prompts.json is JSON, which --prompts takes"),
        (" ,", "names no class"),
        ("Riot,Normal,Riot", "a class stands there twice: Riot"),
        (",".join(map(str, range(10_001))), "there are 10001 names of classes, expected 1 to 10000"),
        ("a\u200bb", "has characters that nobody sees"),
    ],
)
def test_classes_that_cannot_be_meant_are_one_line(tmp_path, monkeypatch, choice, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.json").write_text('{"Riot": "a riot"}')
    with pytest.raises(ValueError, match=reason):
        class_names(choice)


def test_prompts_are_names_templates_or_texts_per_class(tmp_path):
    classes = ("Normal", "Riot")
    assert class_prompts(classes, None) == (("Normal",), ("Riot",))
    (tmp_path / "templates.txt").write_text("a video of {}\n{} on {}\n")
    found = class_prompts(classes, tmp_path / "templates.txt")
    assert found == (("a video of Normal", "Normal on Normal"), ("a video of Riot", "Riot on Riot"))
    (tmp_path / "texts.json").write_text(json.dumps({"Riot": ["a crowd fights", "a riot"]}))
    assert class_prompts(classes, tmp_path / "texts.json") == (("Normal",), ("a crowd fights", "a riot"))


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("p.txt", "a video\n", "has no {} for the name"),
        ("p.txt", "\n", "has 0 templates"),
        ("p.json", '["a"]', "is no JSON object"),
        ("p.json", '{"Rot": "x"}', "did you mean 'Riot'"),
        ("p.json", '{"Riot": []}', "has no texts"),
        ("p.json", '{"Riot": [3]}', "has a text that is none: 3"),
        ("p.json", '{"Riot": {"a": 1}}', "has no texts"),
        ("p.json", "{", "cannot be read as JSON"),
        ("p.txt", "{}" + "x" * 6_000_000, "makes prompts of 12000010 characters, expected up to 10000000"),
    ],
)
def test_prompts_that_cannot_be_meant_are_one_line(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError) as caught:
        class_prompts(("Normal", "Riot"), tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name)) and reason in str(caught.value)


def test_several_prompts_have_their_mean_direction_and_their_mean_length():
    vectors = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    assert torch.equal(mean_text(vectors[:1]), vectors[0])
    expected = torch.tensor([1.0, 1.0]) / 2**0.5 * 2  # between both, 2 long
    torch.testing.assert_close(mean_text(vectors), expected)


def test_texts_do_not_depend_on_what_is_encoded_with_them():
    tower = ClipText(tokens=7, vocabulary=20, width=64, layers=2, heads=2).eval()
    fill_random(tower, 0)
    tokens = torch.randint(1, 19, (70, 7), generator=torch.Generator().manual_seed(0))
    tokens[:, 5], tokens[:, 6] = 19, 0
    vectors = encode(tower, tokens)
    assert vectors.shape == (70, 512) and vectors.isfinite().all()
    torch.testing.assert_close(encode(tower, tokens[66:]), vectors[66:])
    later = tokens.clone()
    later[:, 6] = 5  # after the end, which nothing sees
    torch.testing.assert_close(encode(tower, later), vectors)


def test_without_open_clip_one_line_says_what_to_install(monkeypatch):
    for name in ("open_clip", "open_clip.tokenizer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'vad-pipeline\[clip\]'"):
        tokenize(["Riot"], 77)


@pytest.fixture
def small_clip(monkeypatch):
    """OpenCLIP's network with random numbers, its tokeniser, and our networks of the same small size."""
    open_clip = pytest.importorskip("open_clip")
    width, layers = 64, 2
    published = open_clip.model.CLIP(
        512,
        open_clip.CLIPVisionCfg(width=width, layers=layers, head_width=32, patch_size=32, image_size=64),
        open_clip.CLIPTextCfg(width=width, layers=layers, heads=2),
        quick_gelu=True,
    ).eval()
    name = "clip-vit-b32"
    monkeypatch.setitem(TEXT_TOWERS, name, lambda: ClipText(name, width=width, layers=layers, heads=2))
    monkeypatch.setitem(
        BACKBONES, name, lambda: ClipVit(name, patch=32, size=64, width=width, layers=layers, heads=2)
    )
    return published, open_clip.get_tokenizer("ViT-B-32")


@pytest.mark.slow  # OpenCLIP takes seconds to import
def test_the_command_writes_what_open_clip_says_of_the_same_weights(tmp_path, small_clip):
    published, tokenizer = small_clip
    torch.save(published.state_dict(), tmp_path / "own.pt")
    (tmp_path / "prompts.txt").write_text("a photo of {}.\n{} in the street\n")
    out = tmp_path / "texts.h5"
    words = ["text", "--preset", "clip-vit-b32", "--weights", str(tmp_path / "own.pt"), "--out", str(out)]
    done = CliRunner().invoke(main, [*words, "--classes", "Normal,Riot"])
    assert done.exit_code == 0, done.output
    with torch.inference_mode():
        expected = published.encode_text(tokenizer(["Normal", "Riot"])).numpy()
    texts = read_class_texts(out)
    assert texts.classes == ("Normal", "Riot") and texts.prompts == (("Normal",), ("Riot",))
    assert np.abs(texts.features - expected).max() <= 1e-5 * np.abs(expected).max()
    assert texts.preset == "clip-vit-b32"
    assert texts.image_weights == load_weights(BACKBONES["clip-vit-b32"](), tmp_path / "own.pt")
    tower = TEXT_TOWERS["clip-vit-b32"]()
    tower.load_state_dict(
        {name: each for name, each in published.state_dict().items() if name in tower.state_dict()}
    )
    assert texts.text_weights == state_digest(tower)

    done = CliRunner().invoke(main, [*words, "--classes", "Riot", "--prompts", str(tmp_path / "prompts.txt")])
    assert done.exit_code == 0, done.output
    with torch.inference_mode():
        vectors = published.encode_text(tokenizer(["a photo of Riot.", "Riot in the street"]))
    units = torch.nn.functional.normalize(vectors, dim=1).mean(dim=0)
    cosine = torch.nn.functional.cosine_similarity(
        torch.from_numpy(read_class_texts(out).features[0]), units, dim=0
    )
    assert cosine > 1 - 1e-5

    (tmp_path / "long.txt").write_text("{}" + " word" * 80)
    done = CliRunner().invoke(main, [*words, "--classes", "Riot", "--prompts", str(tmp_path / "long.txt")])
    assert "has 83 tokens, expected at most 77" in done.output and done.exit_code == 2
    done = CliRunner().invoke(main, ["text", "--preset", "i3d-rgb-16", "--classes", "a,b", "--out", str(out)])
    assert "reads no texts, expected one of clip-vit-b16" in done.output and done.exit_code == 2
