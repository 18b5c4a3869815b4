"""A worker that dies of one of its entries, in a module that the processes of a cluster find."""

import os


class Dying:
    def __call__(self, entries):
        if any(entry["number"] == 9 for entry in entries):
            os._exit(1)
        return entries
