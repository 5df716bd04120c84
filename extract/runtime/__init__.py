"""What every part of stage 1 stands on: files, processes, devices, versions, progress. Knows nothing of videos."""
