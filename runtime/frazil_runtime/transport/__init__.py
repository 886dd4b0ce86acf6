"""Bytes in, bytes out: no logic."""
