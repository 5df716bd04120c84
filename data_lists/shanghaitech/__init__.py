"""ShanghaiTech Campus: 437 videos of 13 scenes on a campus, with the split for weak labels.

Luo, Liu & Gao, "A Revisit of Sparse Coding Based Anomaly Detection in Stacked RNN Framework", ICCV 2017;
split for weak labels: Zhong et al., "Graph Convolutional Label Noise Cleaner", CVPR 2019
(https://arxiv.org/abs/1903.07256).

238 training videos (63 anomalous), 199 test videos (44 anomalous). The original training videos ("01_001",
three digits, .avi) and test videos ("01_0014", four digits, folders of frames) are mixed in both splits: put
them into one folder. Test: 141,870 frames, 7,962 positive. Frame counts of the normal training videos are not
in the official files. Anomalies have no classes. The group is the scene, the two digits in front.
"""

CLASSES = ("Normal", "Anomaly")
