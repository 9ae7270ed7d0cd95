"""Dead letters read, explained, corrected and sent again: once (docs/dead-letters.md)."""
