"""The scoring engine: pure functions of models, activities and time (spec: scoring.md)."""
