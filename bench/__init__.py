"""Measure running components. End-to-end latency uses the clocks of one host; nothing is extrapolated."""
