"""Which files are videos and which are pictures: names tell, before anything is opened."""

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .m2v .ts .mts .m2ts .wmv .asf .flv .f4v .3gp .3g2 .ogv .vob "
    ".mxf .dav .h264 .264 .h265 .265 .hevc .mjpeg .mjpg .y4m .gif".split()
)
IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .tif .tiff .bmp".split())
