"""Pictures and videos for people: flow side by side with the video, people and their graph."""
