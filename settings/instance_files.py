"""Give pydantic the values of an instance's two files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from settings import files


class InstanceFiles(PydanticBaseSettingsSource):
    """The source of values from the two files of the home that the arguments or the environment name."""

    def __init__(self, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._arguments = init_settings()

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = (
            self._arguments.get("home")
            or os.environ.get("ALPES_HOME")
            or self.settings_cls.model_fields["home"].default
        )
        values = files.read(Path(home))
        values.pop("home", None)
        return values
