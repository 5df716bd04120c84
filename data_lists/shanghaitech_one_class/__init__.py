"""ShanghaiTech Campus with its original split: 330 normal training videos, 107 test videos with anomalies.

Luo, Liu & Gao, "A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN Framework", ICCV 2017.

Ids are paths in the data set as it is published: training/videos/01_001.avi, testing/frames/01_0014/*.jpg.
40,791 test frames. Pixel masks: testing/test_pixel_mask/01_0014.npy. No classes; the group is the scene.
"""

CLASSES = ("Normal", "Anomaly")
