"""Drawn portraits: faces without photographs, whose landmarks and gaze are known exactly.

A head is a stack of superellipses with bumps, lit from one side; eyes are spheres turned to the
gaze and cut out by lids; hair, lips, brows and glasses are painted over it. Everything follows
from a seed and a number, with numpy and Pillow alone. All of it was written for gazebench.
"""
