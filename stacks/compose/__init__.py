"""The Docker Compose stack: its control through the `docker` command, its settings as seen from outside, its checks."""
