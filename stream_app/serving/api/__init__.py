"""The query API (docs/query-api.md): HTTP over the projection, read only.

The rule: every answer is either JSON of the documented shape or a problem (RFC 9457); no value of a key, of a URL or of a
person gets into a log.
"""
