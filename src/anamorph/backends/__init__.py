"""How ops are done: one table of kernels a backend."""
