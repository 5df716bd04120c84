"""Rules that every reader of video files follows, so that both decoders give the same pictures and times."""
