"""Closed forms from the textbooks, in NumPy float64: the oracles of the tests. Imports nothing from mmsynth."""
