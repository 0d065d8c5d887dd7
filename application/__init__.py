"""Wire the domain to its database for everything that sends commands: the API, the page, the command line, the commands worker.

Leases, crash points and permissions are here too, because the workers and the stacks both need them.
"""

from application.commissions import Application

__all__ = ["Application"]
