"""Parts of the detector foreground: the background model, connected components, and sizes by place."""
