"""The wiring that the API, the page, the command line and the commands worker share."""

from application.commissions import Application, open_application

__all__ = ["Application", "open_application"]
