"""Scenarios: experiments that inject faults under load and judge whether every event is in every source, unchanged."""

from scenarios import messages as messages  # whoever imports a module of this package has its messages registered
