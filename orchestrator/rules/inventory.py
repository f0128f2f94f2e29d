"""What a node tells about its machine: typed and limited, since it comes from a machine we do not run."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coop.core.errors import Invalid

GPUS_MAX = 64
BYTES_MAX = 2**53 - 1
PLAIN = r"^[^\x00-\x1f\x7f]*$"  # a control character has no place in a name, and NUL none in PostgreSQL
Name = Annotated[str, Field(max_length=120, pattern=PLAIN)]
Bytes = Annotated[int, Field(ge=0, le=BYTES_MAX)]


class Gpu(BaseModel):
    """One graphics processor."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: Name
    memory_bytes: Bytes
    power_limit_w: int | None = Field(default=None, ge=0, le=1_000_000)


class Inventory(BaseModel):
    """The machine in numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    system: Name = ""
    agent_version: str = Field(default="", max_length=32, pattern=PLAIN)
    cpu_count: int = Field(default=1, ge=1, le=100_000)
    memory_bytes: Bytes = 0
    gpus: list[Gpu] = Field(default_factory=list, max_length=GPUS_MAX)


def read(document: dict[str, Any]) -> dict[str, object]:
    """Return the inventory with only what we know and within its limits. Raises Invalid."""
    try:
        return Inventory.model_validate(document).model_dump(mode="json")
    except ValidationError as error:
        detail = str(error.errors(include_input=False)[0]["msg"])[:200]
        raise Invalid("node.bad_inventory", detail=detail) from error
