"""Class names and prompts to vectors, by the text towers of the networks that were trained with language."""
