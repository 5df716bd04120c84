"""The regions of each frame: where something is, whose track it is, how fast it moves, and its crop.

region_stream   frames in, one FrameRegions a frame out, some seconds later
held_frames     frames that wait for what follows them, their shots and intervals
frame_flow      optical flow between neighbouring frames, both ways, without the camera's motion
path_speed      mean velocity of every pixel along its own path
cell_speed      how fast each cell of the frame moves
still_picture   what a camera that stands still sees when nobody is there
region_mask     which pixels belong to something that moves or does not belong to the background
crops           squares around boxes, for a network
"""
