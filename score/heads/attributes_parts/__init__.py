"""Parts of the head attributes, in the order in which it uses them.

region_shapes      whether the arrays of a store are those of regions
region_table       the regions of a bag, and means along their tracks
place_scale        what is usual at each height of the picture
crop_space         the directions in which normal crops differ, at equal scale
exemplars          what is compared with normal examples: crops and poses
gallery            normal examples, and how much farther something is than they are from one another
surprise           how seldom normal frames reach a value
region_attributes  how surprising each attribute of each region is
region_maps        scores painted into the boxes
reasons            which attribute it was, and the nearest normal example
"""
