"""Serve the HTTP API: commands and reads, with every refusal as problem details (RFC 9457)."""
