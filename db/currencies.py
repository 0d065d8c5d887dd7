"""Look up currencies in the `iso4217` package, which contains the standard's list of current ones."""

from __future__ import annotations

import iso4217

from domain.money import Currency


class IsoCurrencies:
    def get(self, code: str) -> Currency | None:
        if not (len(code) == 3 and code.isascii() and code.isupper()):
            return None
        try:
            entry = iso4217.Currency(code)
        except ValueError:
            return None
        # Metals, funds and test codes have no minor unit, so no amount can be paid in them.
        if entry.exponent is None:
            return None
        return Currency(code, entry.exponent)
