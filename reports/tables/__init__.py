"""The tables of a report: one module each, found by its file name.

A module ``table_7.py`` has one function, ``grids(measured)``: a ``Grid`` for each set of results
that compare, none where the runs hold nothing for it. Its files are called ``table-7.*``. What
stands here may use ``grid``, ``measured`` and ``paper``; how a table is written is not its affair.
"""
