"""UCSD Ped1: a walkway seen from above, 34 normal training clips, 36 test clips, all with some anomaly.

Mahadevan, Li, Bhalodia & Vasconcelos, "Anomaly Detection in Crowded Scenes", CVPR 2010.

Clips are folders of .tif frames below UCSDped1/; every one has 200. One camera, so no groups, and no classes.
"""

CLASSES = ("Normal", "Anomaly")
