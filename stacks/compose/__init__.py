"""Run the Docker Compose stack: control it through the `docker` command, find its published ports, check its files."""
