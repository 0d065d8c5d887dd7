"""The commission domain: money, the aggregate, its events, the commands and their handlers. Standard library only."""
