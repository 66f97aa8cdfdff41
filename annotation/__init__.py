"""How a person's decision becomes a label.

It uses `dataset` and `dataset_card`, and knows nothing of methods, metrics or reports.
"""
