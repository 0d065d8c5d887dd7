"""What the instance is judged by: counts from independent sources."""
