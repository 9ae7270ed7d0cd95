"""The single view of a lead or account, and the export of all that is known: read from the worker's topics, then told."""
