"""The user study: which correction people prefer, asked, kept, counted.

It uses `dataset`, the agreement of `annotation` and the statistics and pages of `reports`; it needs
no torch, and imports starlette and uvicorn only where it serves.
"""
