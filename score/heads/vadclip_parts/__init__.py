"""Parts of the head vadclip: its settings, the encoder of a window, and the normality of DSANet."""
