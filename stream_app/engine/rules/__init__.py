"""The rule kinds, one idea a module: match, contribute, merge, extremes over a span."""
