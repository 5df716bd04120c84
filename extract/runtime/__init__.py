"""What every part of both stages builds on: files, processes, devices, versions. Knows nothing of videos."""
