"""Parts of the head attributes, in the order in which it uses them.

region_table    the regions of a bag, and means along their tracks
place_scale     what is usual at each height of the picture
crop_space      the directions in which normal crops differ, at equal scale
gallery         normal crops, and which of them is nearest
attribute_scale how anomalous a value is, compared with the highest of normal frames
region_maps     scores painted into the boxes
"""
