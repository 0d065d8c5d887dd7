"""The history of one run as plain data, and how it is read from the sources. `scenarios.properties` judges it."""

from scenarios.history.records import History

__all__ = ["History"]
