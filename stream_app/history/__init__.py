"""The engine over files and retained topics: replay, score."""
