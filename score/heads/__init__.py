"""Heads by name. Each file holds one head: its settings, its network and its losses."""

from __future__ import annotations

from score.heads.attributes import Attributes
from score.heads.base import Head
from score.heads.bn_wvad import BNWVAD
from score.heads.claws import CLAWS
from score.heads.claws_plus import CLAWSPlus
from score.heads.mgfn import MGFN
from score.heads.mil import MIL
from score.heads.mtn import MTN
from score.heads.multitask import Multitask
from score.heads.pel4vad import PEL4VAD
from score.heads.reclass import RECLASS
from score.heads.rtfm import RTFM
from score.heads.speed import Speed
from score.heads.ur_dmu import URDMU
from score.heads.vadclip import VadCLIP

HEADS: dict[str, type[Head]] = {
    "mil": MIL,
    "claws": CLAWS,
    "claws-plus": CLAWSPlus,
    "mtn": MTN,
    "multitask": Multitask,
    "rtfm": RTFM,
    "ur-dmu": URDMU,
    "bn-wvad": BNWVAD,
    "mgfn": MGFN,
    "vadclip": VadCLIP,
    "pel4vad": PEL4VAD,
    "reclass": RECLASS,
    "speed": Speed,
    "attributes": Attributes,
}
FEATURE_HEADS = {name: head for name, head in HEADS.items() if not head.arrays}  # the others take arrays
