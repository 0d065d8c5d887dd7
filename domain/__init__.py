"""The commission domain: money, the aggregate, its events, the commands and their handlers. Standard library only."""

from domain import messages as messages  # importing any module of this package registers them
