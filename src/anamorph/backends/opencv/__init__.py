"""The default backend."""
