"""Stage 1: frozen backbones over videos, features into a store."""
