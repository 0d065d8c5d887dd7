"""Define the base of all expected errors, and the refusals of commands. A refused command writes nothing."""

from __future__ import annotations

from domain.message import Message


class ExpectedError(Exception):
    """Something that this program expects to go wrong; `str(error)` tells a person what happened and what to do.

    It is raised with a text, or with a `Message`, which the page shows in its visitor's language. Command line, page and API
    show the text. Any other error is a defect of this program and shows its traceback.
    """


class Refusal(ExpectedError):
    """The domain refuses a command; `str(error)` is a sentence that can be shown to a person."""


class InvalidField(Refusal):
    """A field of a command is missing or has a value that is not allowed."""

    def __init__(self, field: str, why: Message) -> None:
        super().__init__(Message("field.invalid", field=field, why=why))
        self.field = field
        self.why = why

    @property
    def reason(self) -> str:
        """Return why it is not allowed, in English."""
        return str(self.why)


class TooLarge(Refusal):
    """The event of the command would be larger than a message may be."""


class UnknownCommission(Refusal):
    """No commission has the id that the command names."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"no commission {reference}")
        self.reference = reference


class DuplicateConversion(Refusal):
    """The conversion has a commission already (error 1062 of MySQL)."""

    def __init__(self, conversion_id: str, commission_id: str, differing: tuple[str, ...] = ()) -> None:
        """`differing` names the fields in which the command differs from the commission; it is empty for a repeated command."""
        sentence = f"conversion {conversion_id} already has commission {commission_id}"
        if differing:
            sentence += f", calculated with another {', '.join(differing)}; nothing was changed"
        super().__init__(sentence)
        self.conversion_id = conversion_id
        self.commission_id = commission_id
        self.differing = differing


class ConcurrentChange(Refusal):
    """Another transaction changed the commission after this one read it (optimistic lock)."""

    def __init__(self, commission_id: str) -> None:
        super().__init__(f"commission {commission_id} was changed by another transaction; read it again")
        self.commission_id = commission_id
