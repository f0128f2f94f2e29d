"""What a node tells about its machine: typed and limited, since it comes from a machine we do not run."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coop.core.errors import Invalid

GPUS_MAX = 64


class Gpu(BaseModel):
    """One graphics processor."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str = Field(max_length=120)
    memory_bytes: int = Field(ge=0)
    power_limit_w: int | None = Field(default=None, ge=0)


class Inventory(BaseModel):
    """The machine in numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    system: str = Field(default="", max_length=120)
    agent_version: str = Field(default="", max_length=32)
    cpu_count: int = Field(default=1, ge=1, le=100_000)
    memory_bytes: int = Field(default=0, ge=0)
    gpus: list[Gpu] = Field(default_factory=list, max_length=GPUS_MAX)


def read(document: dict[str, Any]) -> dict[str, object]:
    """Return the inventory with only what we know and within its limits. Raises Invalid."""
    try:
        return Inventory.model_validate(document).model_dump(mode="json")
    except ValidationError as error:
        detail = str(error.errors(include_input=False)[0]["msg"])[:200]
        raise Invalid("node.bad_inventory", detail=detail) from error
