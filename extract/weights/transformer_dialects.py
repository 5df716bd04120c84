"""The names of transformers' CLIP and VideoMAE -> those of their authors' files.

Like all translations, these look at names; where tensors do not fit together they keep their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

# transformers -> OpenAI, in the order in which they apply; both towers share the names of their blocks.
CLIP = tuple(
    (re.compile(pattern), ours)
    for pattern, ours in (
        (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
        (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
        (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
        (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
        (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
        (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
        (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
        (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
        (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
        (r"^text_model\.final_layer_norm\.", "ln_final."),
        (r"\.layer_norm([12])\.", r".ln_\1."),
        (r"\.self_attn\.", ".attn."),
        (r"\.mlp\.fc1\.", ".mlp.c_fc."),
        (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    )
)
CLIP_PROJECTIONS = {"visual_projection.weight": "visual.proj", "text_projection.weight": "text_projection"}
# transformers -> MCG-NJU
VIDEOMAE = tuple(
    (re.compile(pattern), ours)
    for pattern, ours in (
        (r"^videomae\.embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^videomae\.encoder\.layer\.(\d+)\.", r"blocks.\1."),
        (r"\.attention\.attention\.(query|value)\.bias$", r".attn.\1_bias"),
        (r"\.attention\.attention\.(q|v)_bias$", r".attn.\1_bias"),
        (r"\.attn\.(q|v)(?:uery|alue)_bias$", r".attn.\1_bias"),
        (r"\.attention\.attention\.", ".attn."),
        (r"\.attention\.output\.dense\.", ".attn.proj."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
        (r"^classifier\.", "head."),
    )
)


def authors_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state of transformers under the names of CLIP's or VideoMAE's authors; any other one as it is."""
    if any(name.startswith(("vision_model.", "text_model.")) for name in state):
        # numbers of places, which older versions stored
        state = {name: each for name, each in state.items() if not name.endswith(".position_ids")}
        state = {_renamed(name, CLIP): each for name, each in state.items()}
        for theirs, ours in CLIP_PROJECTIONS.items():
            if theirs in state and state[theirs].ndim == 2:
                state[ours] = state.pop(theirs).T
        parts = [f"{each}_proj" for each in "qkv"]
        for kind in ("weight", "bias"):
            state = _joined(state, [f".attn.{part}.{kind}" for part in parts], f".attn.in_proj_{kind}")
    elif any(name.startswith("videomae.") for name in state):
        state = {_renamed(name, VIDEOMAE): each for name, each in state.items()}
        state = _joined(
            state, [f".attn.{part}.weight" for part in ("query", "key", "value")], ".attn.qkv.weight"
        )
    return state


def _renamed(name: str, table: tuple[tuple[re.Pattern, str], ...]) -> str:
    for pattern, ours in table:
        name = pattern.sub(ours, name)
    return name


def _joined(state: dict[str, Tensor], endings: Sequence[str], ending: str) -> dict[str, Tensor]:
    """With tensors that differ in the end of their names put under each other, where all are there."""
    state = dict(state)
    for name in [name for name in state if name.endswith(endings[0])]:
        stem = name.removesuffix(endings[0])
        parts = [state.get(stem + each) for each in endings]
        found = [part for part in parts if part is not None]
        if (
            len(found) == len(endings)
            and len({(part.shape, part.dtype) for part in found}) == 1
            and found[0].ndim
        ):
            for each in endings:
                del state[stem + each]
            state[stem + ending] = torch.cat(found)
    return state
