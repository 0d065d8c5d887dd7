"""The long-running parts in Python: relay, notifications, commands, audit, observer. Each is `python -m workers.NAME`."""
