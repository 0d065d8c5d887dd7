"""Hostile inputs for a running instance, and an account of what became of each.

What belongs here: the generators of inputs (pure, the same for the same seed), the drivers that send them over the four
channels, the accountant that finds each input's fate in the sources, and the shrinker of inputs that fail. It knows the
parts below from outside only: it sends what anybody could send and reads what they keep.
"""
