"""The parts of the head reclass: generators and judges of frames and people, losses, terms of the score."""
