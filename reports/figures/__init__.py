"""The figures of a report: one module each, found by its file name.

A module ``figure_17.py`` has ``NUMBER`` ("17"; "" outside the paper's count) and one function,
``draw(group)``, that yields a ``Drawing`` for each picture it makes of the runs of one dataset. It
raises ``Unfilled`` with what is missing and the commands that make it. It uses matplotlib and what
begins with an underscore here, and no torch: what needs networks lies in the runs already, see
``gazebench.evaluation.figures``.
"""
