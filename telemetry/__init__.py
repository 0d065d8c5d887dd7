"""Write a process's logs, counters and traces. This package imports `settings` only and does not know what is counted."""
