"""People in the scene: detection, pose, identity, graph; and the clips of pixels and flow for RECLASS.

The preset `reclass` writes these arrays for every segment: N segments of T frames of H x W pixels, P places
for people, F = 60 numbers a person. FeatureStore.rows reads some segments of some arrays without the rest.

    rgb         uint8   [N, T, H, W, 3]   resized frames
    flow        int8    [N, T, H, W, 2]   to the frame frame_stride later, also of the last of a clip; right,
                                          down; pixels of the resized picture are flow * clamp / 127, clamp is
                                          `flow.clamp` of the spec; absent where flow is left out
    nodes       float32 [N, T, P, F]      people, see below; zero where node_mask is False
    node_mask   bool    [N, T, P]         person p is seen in frame t
    adjacency   float32 [N, T, 3, P, P]   distance, mutual gaze, shared target; in [0, 1], symmetric, zero on
                                          the diagonal and where one of the two is not seen; not normalised
    track_id    int64   [N, P]            who place p is in all frames of the clip; -1 = empty, or unknown
    clip_frame  int64   [N, T]            native frame of the video that frame t of the clip is
    frame_mask  bool    [N, T]            False for the copies of the last frame that fill the last clip

Places are filled with the P people who are seen longest in the clip, in the order of their ids: place p is
one person through the clip, but not the same person in the next clip (track_id says who). Nobody seen:
node_mask is False everywhere. `features` is absent, feature_dim of the spec is 0.

A node's 60 numbers (the spec keeps this table as preprocessing.scene.nodes, name -> [start, stop)):

     0:2   centre      of the box, as a share of the picture's width and height
     2:4   size        of the box, the same
     4:6   velocity    of the centre, box heights a second, right and down
     6:57  keypoints   17 joints in COCO's order: x, y as a share of the box (0 = left, top), confidence 0..1
    57:59  flow        mean and largest length of the flow in the box, box heights a second; 0 without flow
    59:60  score       of the detection, 0..1

Adjacency of two people i and j (extract/scene/person_graph.py):

    0 distance         exp(-d^2 / sigma^2), d between the centres in mean box heights
    1 mutual gaze      how far each faces the other: max(0, f_i . u_ij) max(0, f_j . u_ji)
    2 shared target    exp(-(a / reach)^2), a the longer of the two ways to the point that both face

A head that wants the one matrix of the design takes A = distance * (1 + gaze + target), adds self loops and
normalises.
"""
