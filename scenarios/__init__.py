"""Scenarios: experiments that inject faults under load and judge whether every event is in every source, unchanged."""
