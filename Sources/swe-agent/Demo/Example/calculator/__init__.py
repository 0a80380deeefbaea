"""A small desk calculator."""
