"""People in the scene: detection, pose, identity, graph; with the clips of pixels and flow for RECLASS.

The preset `reclass` writes these arrays for every segment: N segments of T frames of H x W pixels, P slots
for people, F = 60 numbers per person. FeatureStore.rows reads some segments of some arrays without the rest.

    rgb         uint8   [N, T, H, W, 3]   resized frames
    flow        int8    [N, T, H, W, 2]   to the frame frame_stride later, also for the last frame of a clip;
                                          right, down; pixels of the resized frame are flow * clamp / 127,
                                          with clamp = `flow.clamp` of the spec; absent without flow
    nodes       float32 [N, T, P, F]      people, see below; zero where node_mask is False
    node_mask   bool    [N, T, P]         the person in slot p is visible in frame t
    adjacency   float32 [N, T, 3, P, P]   distance, mutual gaze, shared target; in [0, 1], symmetric, zero on
                                          the diagonal and where either person is not visible; not normalised
    track_id    int64   [N, P]            identity of slot p in all frames of the clip; -1 = empty or unknown
    clip_frame  int64   [N, T]            native frame of the video for frame t of the clip
    frame_mask  bool    [N, T]            False for the copies of the last frame that fill up the last clip
    speed       float32 [N, 20, 30]       how fast each cell moves, in frame heights per second, as the preset
                                          speed stores it: the highest over as many frames in the middle of
                                          the clip as lie between two segments' starts; with scene.speed

Slots hold the P people who are visible longest in the clip, ordered by id: slot p is one person throughout
the clip, but another one in the next clip (track_id says who). Without any people node_mask is False
everywhere. `features` is absent, and feature_dim of the spec is 0.

A node has 60 numbers (the spec keeps this table as preprocessing.scene.nodes, name -> [start, stop)):

     0:2   centre      of the box, relative to the width and height of the frame
     2:4   size        of the box, likewise
     4:6   velocity    of the centre, box heights per second, right and down
     6:57  keypoints   17 joints in COCO's order: x, y relative to the box (0 = left, top), confidence 0..1
    57:59  flow        mean and maximum magnitude of flow in the box, box heights per second; 0 without flow
    59:60  score       of the detection, 0..1

Adjacency of two people i and j (extract/scene/person_graph.py):

    0 distance         exp(-d^2 / sigma^2), d between the centres in mean box heights
    1 mutual gaze      how directly each faces the other: max(0, f_i . u_ij) max(0, f_j . u_ji)
    2 shared target    exp(-(a / reach)^2), a the longer of the two distances to the point that both face

A head that needs the single matrix of the design uses A = distance * (1 + gaze + target), adds self loops and
normalises.
"""
