"""Mutants: components that are wrong on purpose, one way each. A scenario that cannot tell them from sound ones is worth nothing."""
