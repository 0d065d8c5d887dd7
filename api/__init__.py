"""The HTTP API: commands in, rows out, every refusal a problem (RFC 9457)."""
