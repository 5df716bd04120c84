"""Keypoint R-CNN of torchvision: boxes and 17 joints in one pass (He et al., Mask R-CNN, ICCV 2017)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import FrozenBatchNorm2d

from extract.backbones.backbone import PublishedNetwork
from extract.scene.people import People, make_people

MIN_SCORE = 0.1  # detections below it are not even candidates for a track
MAX_PEOPLE = 50  # per frame
# Logit of a joint whose confidence becomes 1 - 1/e; torchvision's heat maps are not probabilities.
CONFIDENT_JOINT = 5.0


class KeypointRCNN(PublishedNetwork):
    """The network in the form that extract.weights expects: published tensor names follow after `net.`."""

    name = "keypointrcnn"
    prefix = "net."

    def __init__(self):
        super().__init__()
        from torchvision.models.detection import KeypointRCNN as Network
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

        backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=0)
        self.net = Network(
            backbone,
            num_classes=2,
            num_keypoints=17,
            box_score_thresh=MIN_SCORE,
            box_detections_per_img=MAX_PEOPLE,
        )
        for module in self.net.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = 0.0  # as torchvision does for its COCO weights

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        """Images float [3, H, W] in 0..1, of any sizes -> torchvision's detections per image."""
        return self.net(images)


class KeypointRCNNDetector:
    """Finds people with their poses in single frames."""

    def __init__(self, network: KeypointRCNN, *, device: torch.device, batch_size: int):
        self.net = network.eval().requires_grad_(False).to(device)
        self.device, self.batch_size = device, batch_size

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> list[People]:
        """uint8 [n, H, W, 3] -> the people of each."""
        found = []
        for start in range(0, len(frames), self.batch_size):
            batch = torch.from_numpy(frames[start : start + self.batch_size]).to(self.device)
            found += self.net(list(batch.permute(0, 3, 1, 2).float() / 255))
        return [_people(each) for each in found]


def _people(found: dict[str, Tensor]) -> People:
    values = {name: each.float().cpu().numpy() for name, each in found.items()}
    joints = values["keypoints"].reshape(-1, 17, 3).copy()
    joints[..., 2] = 1 - np.exp(-np.maximum(values["keypoints_scores"].reshape(-1, 17), 0) / CONFIDENT_JOINT)
    # NaN and infinity, which random weights can produce, are not positions.
    finite = np.isfinite(values["boxes"]).all(axis=1) & np.isfinite(joints).all(axis=(1, 2))
    return make_people(values["boxes"][finite], values["scores"][finite], joints[finite])
