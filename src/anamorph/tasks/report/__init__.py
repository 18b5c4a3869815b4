"""The page of a run: one HTML file that needs nothing else, also of runs that are not done.

>>> from anamorph.tasks.report import report
>>> report.__name__
'report'
"""

from anamorph.tasks.report.page import html, report

__all__ = ["html", "report"]
