"""Tables, and the columns that they and datasets keep their values in."""

from anamorph.data.tables.columns import Column, Pickles, Texts, packed
from anamorph.data.tables.read import Table, grouped, read_table

__all__ = ["Column", "Pickles", "Table", "Texts", "grouped", "packed", "read_table"]
