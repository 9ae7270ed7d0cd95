"""Scoring models: file -> validated -> frozen, with their lint, version hash and description in words."""
