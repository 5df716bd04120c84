"""XD-Violence: 4,754 untrimmed videos from movies and the web, with sound, six kinds of violence.

Wu et al., "Not only Look, but also Listen: Learning Multimodal Violence Detection under Weak Supervision",
ECCV 2020 (https://arxiv.org/abs/2007.04687).

3,954 training videos (1,905 violent), 800 test videos (500 violent). A file name carries up to three class
codes ("..._label_B2-G-0"); event_class is the class of the first one, so a video of several keeps one.
Frame counts are not in the official files: num_frames is empty. 71 spans end up to 15 frames after the legacy
lengths, which are whole clips of 16 frames; none ends where the video cannot reach.
"""

# Codes of the file names; A is normal. B3 does not exist.
CODES = {
    "A": "Normal",
    "B1": "Fighting",
    "B2": "Shooting",
    "B4": "Riot",
    "B5": "Abuse",
    "B6": "CarAccident",
    "G": "Explosion",
}
CLASSES = ("Normal", "Abuse", "CarAccident", "Explosion", "Fighting", "Riot", "Shooting")
