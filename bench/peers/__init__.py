"""Measure ways to publish what was committed, side by side: the same MySQL, broker, load and consumer, another publisher."""
