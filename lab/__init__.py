"""The laboratory of the notebooks: one object that sends, reads, injects faults and measures, and the figures.

A notebook needs only `from lab import figures, stacks`. The layers below are reachable through `Lab.settings` and
`Lab.application`.
"""
