"""Connectors: every transition, score and erasure to a vendor's system, once and in order (docs/connectors.md)."""
