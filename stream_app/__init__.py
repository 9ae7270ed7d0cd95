"""Streaming lead scorer."""
