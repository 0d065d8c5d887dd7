"""What the instance is judged by: the same events, with the same contents, in every source."""
