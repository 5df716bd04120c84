"""Presets of reclass: for small frames on a CPU, and the size that its authors recommend."""

from __future__ import annotations

from score.config.data_config import DataConfig
from score.config.optimizer_config import OptimizerConfig
from score.config.run_config import RunConfig
from score.config.train_config import TrainConfig
from score.heads.reclass_parts.reclass_config import RECLASSConfig
from score.pooling.rules import SegmentsConfig

# A random clip of each video of a batch.
ONE_CLIP = DataConfig(segments=SegmentsConfig(mode="crop", n=1))

# Frames of about 60 x 80: some minutes on two cores. Segments are long and videos short, so that scores are
# not averaged along time; --smooth of evaluate does that if it helps. The discriminators train the
# generators, but their logits did not separate the classes on a synthetic corridor (frame AUC 0.4 to 0.55),
# so they have no share in the score.
RECLASS = RunConfig(
    name="reclass",
    head=RECLASSConfig(running=0.0, alpha=0.5, realism_share=0.0, people_realism_share=0.0),
    data=ONE_CLIP,
    train=TrainConfig(
        epochs=6,
        steps_per_epoch=40,
        batch=8,
        validation_share=0.0,
        select="last",
        average=0.98,
        optimizer=OptimizerConfig(name="adam", lr=2e-3, betas=(0.5, 0.999), schedule="cosine"),
    ),
)

# For stores of the preset reclass-frames, on two cores in about ten minutes. The line of the perspective, the
# four cells and the Gaussian were chosen on training videos of UCSD Ped2 (scripts/experiments/planted_speed).
# Prediction errors add little there to the speeds, hence their small share.
RECLASS_FRAMES = RunConfig(
    name="reclass",
    head=RECLASSConfig(
        scoring="frames",
        flow=False,
        graph=False,
        backdrop=False,
        median_background=True,
        frames=2,
        width=8,
        judge_width=8,
        latent=4,
        window=64,
        appearance_share=0.25,
    ),
    data=ONE_CLIP,
    train=TrainConfig(
        epochs=6,
        steps_per_epoch=60,
        batch=8,
        validation_share=0.0,
        select="last",
        average=0.98,
        optimizer=OptimizerConfig(name="adam", lr=2e-3, betas=(0.5, 0.999), schedule="cosine"),
    ),
)

# configs/default.yaml of aasimwadood/RECLASS, for 32 frames of 256 x 448 on a GPU: Adam 3e-4 (0.5, 0.999), 60
# epochs, batch 8; lambda_adv 1, lambda_temporal 0.1, lambda_cons 0.5; running average 0.9.
RECLASS_PAPER = RunConfig(
    name="reclass",
    head=RECLASSConfig(
        frames=31,
        width=32,
        judge_width=32,
        latent=64,
        graph_width=64,
        code=128,
        adversarial_weight=1.0,
        clips_at_once=4,
        recompute=True,
    ),
    data=ONE_CLIP,
    train=TrainConfig(
        epochs=60,
        batch=8,
        validation_share=0.0,
        select="last",
        average=0.999,
        precision="bfloat16",
        optimizer=OptimizerConfig(name="adam", lr=3e-4, betas=(0.5, 0.999)),
    ),
)
