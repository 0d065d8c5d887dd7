"""The system in the hands of a notebook: one object to send, read, break and measure with, and the figures.

`from lab import figures, stacks` is the whole import; what is underneath stays reachable through `Lab.settings` and
`Lab.application`.
"""
