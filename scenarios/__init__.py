"""Scenarios: experiments that inject faults under load and judge whether every event is in every source, unchanged."""

from scenarios import capture_messages as capture_messages  # importing any module of this package registers them
from scenarios import evidence_messages as evidence_messages  # importing any module of this package registers them
from scenarios import fault_messages as fault_messages  # importing any module of this package registers them
from scenarios import judge_messages as judge_messages  # importing any module of this package registers them
from scenarios import messages as messages  # importing any module of this package registers them
