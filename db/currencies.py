"""ISO 4217, from the `iso4217` package (the standard's own list one)."""

from __future__ import annotations

import iso4217

from domain.money import Currency


class IsoCurrencies:
    def get(self, code: str) -> Currency | None:
        if not (len(code) == 3 and code.isascii() and code.isupper()):
            return None
        try:
            found = iso4217.Currency(code)
        except ValueError:
            return None
        # Metals, funds and test codes have no minor unit: nothing can be paid in them.
        if found.exponent is None:
            return None
        return Currency(code, found.exponent)
