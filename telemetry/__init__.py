"""What a process tells of itself: logs, counters, traces. Knows nothing of what is counted; imports only `settings`."""
