"""What a reader sees: tables and the leaderboard page, all made from ``scores.json`` files.

It uses `results` and the modules of gazebench that need no torch, and imports no method and no
metric.
"""
