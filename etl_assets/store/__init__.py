"""Bytes to durable, provable files."""
