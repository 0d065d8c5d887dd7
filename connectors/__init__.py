"""What stands between the outbox and its consumers: the CDC envelope, the relay, the broker's client and admin REST."""
