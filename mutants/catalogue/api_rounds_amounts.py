"""An API that reads amounts as whole numbers."""

from __future__ import annotations

from decimal import Decimal

from api import app as app_module
from api.__main__ import main
from domain.commands import CalculateCommission
from mutants.model import Mutant


def calculate_rounded(
    conversion_id: str,
    affiliate_id: str,
    campaign_id: str,
    gross_amount: Decimal | str | int,
    currency: str,
    *optional_ids: str | None,
) -> CalculateCommission:
    rounded_amount = str(round(Decimal(gross_amount)) + 1)
    return CalculateCommission(conversion_id, affiliate_id, campaign_id, rounded_amount, currency, *optional_ids)


MUTANT = Mutant("api", {"duplicate-command": "committed_what_was_asked"})


if __name__ == "__main__":
    app_module.CalculateCommission = calculate_rounded
    main()
