"""Settings of the head reclass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from score.settings import MOST, Count, DropoutRate, NotNegative, Share, settings


@settings
class RECLASSConfig:
    """Weights belong to losses, shares to the score; equal names mean the same term."""

    # Frames used of each clip, evenly spaced.
    frames: Count = 4
    # Channels of the first convolution of the generators, and of the clip discriminator.
    width: Count = 16
    judge_width: Count = 16
    # Channels of the codes of frames and motion, and size of a person's code.
    latent: Count = 16
    # Hidden size of the graph networks, and size of the common code of frames and people.
    graph_width: Count = 32
    code: Count = 32
    # False leaves optical flow out; so does a store without flow.
    flow: bool = True
    # False leaves the people out.
    graph: bool = True
    # A background model, for static cameras: a learned background is added to predicted frames, and errors
    # are compared with what is normal at their location.
    backdrop: bool = True
    # Weights of the loss terms. The first is lambda_adv of Liu et al., CVPR 2018.
    adversarial_weight: NotNegative = 0.05
    reconstruction_weight: NotNegative = 1.0
    prediction_weight: NotNegative = 1.0
    gradient_weight: NotNegative = 1.0
    temporal_weight: NotNegative = 0.1
    flow_weight: NotNegative = 1.0
    consistency_weight: NotNegative = 0.5
    nodes_weight: NotNegative = 1.0
    adjacency_weight: NotNegative = 1.0
    # Shares of the score terms, which are in standard deviations of normal clips.
    appearance_share: NotNegative = 1.0
    motion_share: NotNegative = 1.0
    realism_share: NotNegative = 1.0
    people_share: NotNegative = 1.0
    people_realism_share: NotNegative = 1.0
    # Share of the visual terms in the score; 1 - alpha is that of the people.
    alpha: Share = 0.85
    # Decay of a running average of the score along a video's segments; 0 = none.
    running: DropoutRate = 0.9
    # Clips in memory at once when scoring.
    clips_at_once: Count = 16
    # Recompute activations in the backward pass instead of storing them, for large frames.
    recompute: bool = False
    # "clips" scores clips by the worst patch of their prediction errors. "frames" compares errors, and speeds
    # of a store with scene.speed, with what is normal at their height of the picture; it is for still cameras
    # and stores with a segment for every frame (the preset reclass-frames of vad-extract).
    scoring: Literal["clips", "frames"] = "clips"
    # The following are for "frames". Share of the speeds in the score.
    speed_share: NotNegative = 1.0
    # A median picture of all training frames is taken away from frames and added to predictions, in place of
    # the learned background.
    median_background: bool = False
    # Side in pixels of the windows to train on, around what moves, and how many of each clip; 0 = whole
    # frames.
    window: Annotated[int, Field(ge=0, le=MOST)] = 0
    windows: Count = 2
    # Percentile of a row of cells, over all normal frames, that counts as 1.
    percentile: Annotated[float, Field(gt=0, le=100)] = 99.9
    # The score of a frame is the mean of this many cells, the highest ones.
    cells: Count = 4
    # Standard deviation of a Gaussian along time, in segments (frames); 0 = none.
    smoothing: NotNegative = 5.0
    # Smallest scales: frame heights per second, and squared error of pixels in [0, 1].
    least_speed: NotNegative = 0.02
    least_error: NotNegative = 1e-4

    def __post_init__(self):
        if self.scoring == "frames" and (self.graph or self.backdrop):
            raise ValueError(
                "scoring is 'frames', which knows neither people nor the learned background; set graph=false "
                "backdrop=false, or use scoring=clips"
            )
        if self.scoring == "clips" and (self.window or self.median_background):
            raise ValueError("window and median_background are for scoring=frames; leave them out")
