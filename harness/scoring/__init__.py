"""Scores of stored images, offline: open_clip, timm and an OCR reader, loaded when they are first needed."""
