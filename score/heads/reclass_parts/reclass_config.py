"""Settings of the head reclass."""

from __future__ import annotations

from score.settings import Count, DropoutRate, NotNegative, Share, settings


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
