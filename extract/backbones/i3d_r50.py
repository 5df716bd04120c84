"""I3D-ResNet50 of pytorchvideo, 8 frames at stride 8 (Fan et al., ACM MM 2021, https://arxiv.org/abs/2111.09887)."""

from __future__ import annotations

from torch import Tensor

from extract.backbones.backbone import Backbone


class I3DR50(Backbone):
    """2048 numbers a clip: the mean of the last stage, over every size, instead of the head's fixed pool."""

    name = "i3d-r50"
    feature_dim = 2048
    min_length = 2  # blocks.2 is a pool over two frames
    classifier = ("blocks.6.",)

    def __init__(self):
        super().__init__()
        # Imported here: importing pytorchvideo takes seconds, and only this network needs it.
        from pytorchvideo.models.resnet import create_resnet
        from torch import nn

        one, three = (1, 1, 1), (3, 1, 1)
        net = create_resnet(
            stem_conv_kernel_size=(5, 7, 7),
            stage1_pool=nn.MaxPool3d,
            stage_conv_a_kernel_size=(three, [three, one], [three, one], [one, three]),
        )
        self.blocks = net.blocks[:-1]

    def forward(self, clips: Tensor) -> Tensor:  # [B, 3, L, H, W] -> [B, 2048]
        x = clips
        for block in self.blocks:
            x = block(x)
        return x.float().mean(dim=(2, 3, 4))
