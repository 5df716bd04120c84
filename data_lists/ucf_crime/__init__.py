"""UCF-Crime: 1,900 untrimmed surveillance videos, 13 kinds of anomaly.

Sultani, Chen & Shah, "Real-World Anomaly Detection in Surveillance Videos", CVPR 2018
(https://arxiv.org/abs/1801.04264).

Split of the paper: 1,610 training videos (810 anomalous), 290 test videos (140 anomalous). Frame counts are
those of the videos as distributed (test: 1,111,808 frames). The annotation counts frames from 1 and includes
the last one, as the MATLAB evaluation of the authors does: 84,338 positive frames. Five spans overrun the
video and are cut. No groups: nobody published which videos come from one camera.
"""

# Class order: Normal, then the paper's classes in alphabetical order.
CLASSES = (
    "Normal",
    "Abuse",
    "Arrest",
    "Arson",
    "Assault",
    "Burglary",
    "Explosion",
    "Fighting",
    "RoadAccidents",
    "Robbery",
    "Shooting",
    "Shoplifting",
    "Stealing",
    "Vandalism",
)
