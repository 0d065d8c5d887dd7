"""Why a command is refused. Each refusal is a type of its own; a refused command leaves no trace."""

from __future__ import annotations


class Refusal(Exception):
    """A command that the domain refuses; `str(error)` is a sentence for a person."""


class InvalidField(Refusal):
    """One field of a command does not hold what it must."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class TooLarge(Refusal):
    """The event of a command would have more bytes than a message may have."""


class UnknownCommission(Refusal):
    def __init__(self, reference: str) -> None:
        super().__init__(f"no commission {reference}")
        self.reference = reference


class DuplicateConversion(Refusal):
    """The conversion has its commission already (MySQL says error 1062)."""

    def __init__(self, conversion_id: str, commission_id: str, differing: tuple[str, ...] = ()) -> None:
        """`differing`: fields of this command that are not as the commission's; none for a command that came twice."""
        sentence = f"conversion {conversion_id} already has commission {commission_id}"
        if differing:
            sentence += f", calculated with another {', '.join(differing)}; nothing was changed"
        super().__init__(sentence)
        self.conversion_id = conversion_id
        self.commission_id = commission_id
        self.differing = differing


class ConcurrentChange(Refusal):
    """Another transaction changed the commission between this one's read and its write (optimistic lock)."""

    def __init__(self, commission_id: str) -> None:
        super().__init__(f"commission {commission_id} was changed by another transaction; read it again")
        self.commission_id = commission_id
