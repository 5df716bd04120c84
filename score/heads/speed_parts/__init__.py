"""Parts of the head speed."""
