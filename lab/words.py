"""Translate the labels of figures into the language of the notebook's folder, so that its code is the same in both."""

from __future__ import annotations

import os
from pathlib import Path

SPANISH = {
    "acknowledged to the client": "confirmadas al cliente",
    "absorbed": "absorbidas",
    "captured": "capturado",
    "commands per second": "comandos por segundo",
    "commission, in the order it appeared": "comisión, en el orden en que apareció",
    "committed": "confirmado",
    "deliveries": "entregas",
    "distinct events": "eventos distintos",
    "end to end": "de extremo a extremo",
    "event": "evento",
    "events": "eventos",
    "events lost": "eventos perdidos",
    "events per second": "eventos por segundo",
    "events waiting": "eventos en espera",
    "messages": "mensajes",
    "milliseconds": "milisegundos",
    "ms from command to notification": "ms del comando a la notificación",
    "ms since the command": "ms desde el comando",
    "notifications": "notificaciones",
    "notified": "notificado",
    "occurred": "ocurrido",
    "outbox": "outbox",
    "perfect scaling": "escalado perfecto",
    "persisted": "persistido",
    "place in the order of notifications": "lugar en el orden de notificación",
    "published": "publicado",
    "received": "recibido",
    "replayed": "releídas",
    "seconds since the first command": "segundos desde el primer comando",
    "seconds since the start": "segundos desde el comienzo",
    "share of events": "proporción de eventos",
    "usual": "normal",
    "version 1": "versión 1",
    "version 2": "versión 2",
    "1 workers": "1 worker",
    "with a slow worker": "con un worker lento",
    "without an outbox": "sin outbox",
    "worker": "worker",
    "workers": "workers",
}


def language() -> str:
    """Return `ALPES_NOTEBOOK_LANGUAGE`, else `es` in a folder of that name, else `en`."""
    return os.environ.get("ALPES_NOTEBOOK_LANGUAGE") or ("es" if Path.cwd().name == "es" else "en")


def translate(text: str) -> str:
    """Return a label in the notebook's language. `a→b` is translated hop by hop; an unknown text stays as it is."""
    if "→" in text:
        return " → ".join(translate(hop) for hop in text.split("→"))
    return SPANISH.get(text, text) if language() == "es" else text
