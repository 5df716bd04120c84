"""Images and videos to look at: flow side by side with the video, people and their graph."""
