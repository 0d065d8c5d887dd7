"""Pieces of pages: each takes a view model and draws it."""
