"""Synthetic portraits: faces without photographs, whose landmarks and gaze are known exactly.

It uses numpy, Pillow and `dataset`. A head is a stack of superellipses with bumps, lit from one
side; eyes are spheres turned to the gaze and cut out by lids; hair, lips, brows and glasses are
painted over it. Everything follows from a seed and a number. All of it was written for gazebench.
"""
