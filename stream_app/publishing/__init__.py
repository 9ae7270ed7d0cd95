"""Publishing models to running workers: the registry of versions, and what puts one into force."""
