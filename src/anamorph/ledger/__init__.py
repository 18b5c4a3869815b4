"""Runs: self-describing folders, an index over them that can always be made anew, and their names.

`Ledger` begins runs, finds and compares them, promotes the best, collects what nobody will miss.
It needs the standard library alone.
"""

from anamorph.ledger.comparing import Comparison, Difference
from anamorph.ledger.content import Fingerprint, fingerprint
from anamorph.ledger.errors import ExportError, RunBusyError
from anamorph.ledger.garbage import Garbage
from anamorph.ledger.lines import Event
from anamorph.ledger.rows import Row, Score
from anamorph.ledger.run import Run
from anamorph.ledger.store import Ledger

__all__ = [
    "Comparison",
    "Difference",
    "Event",
    "ExportError",
    "Fingerprint",
    "Garbage",
    "Ledger",
    "Row",
    "Run",
    "RunBusyError",
    "Score",
    "fingerprint",
]
