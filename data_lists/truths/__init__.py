"""Truth as people have it: labels per frame, intervals and annotation files, read as anomaly spans.

truth_files     one file or folder of any form; the forms themselves: label_files, interval_tables,
                interval_json (both by interval_rows, truth_columns), span_lines, via, elan, activitynet,
                coco_video
annotation      what every form is read as
truth_frames    seconds and frames as [start, stop)
truth_videos    annotations, and what else is known of the videos, as a list
"""
