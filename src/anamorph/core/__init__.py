"""Errors, the vocabulary of parameters, targets and their formats, chance. NumPy only."""
