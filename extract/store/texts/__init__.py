"""Texts of classes as vectors: what stage 2 compares features with, without any network of language."""

from extract.store.texts.class_texts import ClassTexts
from extract.store.texts.texts_file import read_class_texts, write_class_texts

__all__ = ["ClassTexts", "read_class_texts", "write_class_texts"]
