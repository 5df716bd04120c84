"""Pages and interfaces that are served on this machine: who may ask, what is answered, and the pages."""
