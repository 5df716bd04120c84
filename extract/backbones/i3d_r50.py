"""I3D-ResNet50 of pytorchvideo, 8 frames at stride 8 (Fan et al., ACM MM 2021, https://arxiv.org/abs/2111.09887)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from extract.backbones.backbone import Backbone


class I3DR50(Backbone):
    """2048 numbers per clip: the mean of the last stage for any size, instead of the head's fixed pool."""

    name = "i3d-r50"
    feature_dim = 2048
    min_length = 2  # blocks.2 pools over two frames
    classifier = ("blocks.6.",)

    def __init__(self):
        super().__init__()
        # Imported here: importing pytorchvideo takes seconds, and only this network needs it.
        from pytorchvideo.models.resnet import create_resnet

        one, three = (1, 1, 1), (3, 1, 1)
        # Any, because pytorchvideo annotates these arguments as tuples of length one.
        kernel_sizes: dict[str, Any] = {
            "stem_conv_kernel_size": (5, 7, 7),
            "stage_conv_a_kernel_size": (three, [three, one], [three, one], [one, three]),
        }
        net = create_resnet(stage1_pool=nn.MaxPool3d, **kernel_sizes)
        blocks = net.get_submodule("blocks")
        assert isinstance(blocks, nn.ModuleList)
        self.blocks = blocks[:-1]  # without the head

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, 2048]
        x = clips
        for block in self.blocks:
            x = block(x)
        return x.float().mean(dim=(2, 3, 4))
