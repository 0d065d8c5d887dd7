"""Run the long-running Python processes: relay, notifications, commands, audit, observer. Start one: `python -m workers.NAME`."""
