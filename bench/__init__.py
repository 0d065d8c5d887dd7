"""Measurements on running parts. Latency is end to end by the clocks of one host; nothing is extrapolated."""
