"""Stage 1: frozen backbones turn videos into a store of features."""
