"""Connect the outbox with its consumers: the envelope, the relay, the broker's client, its admin REST, the source's configuration."""

from connectors import messages as messages  # importing any module of this package registers them
