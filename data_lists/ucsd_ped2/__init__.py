"""UCSD Ped2: a walkway seen from the side, 16 normal training clips, 12 test clips, all with some anomaly.

Mahadevan, Li, Bhalodia & Vasconcelos, "Anomaly Detection in Crowded Scenes", CVPR 2010.

Clips are folders of .tif frames below UCSDped2/, 2,010 frames in the test clips. One camera, so no groups,
and no classes.
"""

CLASSES = ("Normal", "Anomaly")
