"""Who acts. Every service takes an actor and checks it against the object; views only say which role a route needs."""

from dataclasses import dataclass, field
from enum import StrEnum

from coop.core.errors import Forbidden


class Role(StrEnum):
    """An office in the co-op. An admin runs the membership desk and hands out offices; money needs other people."""

    ADMIN = "admin"
    TREASURER = "treasurer"
    APPROVER = "approver"
    SYSADMIN = "sysadmin"
    AUDITOR = "auditor"


# Offices that one person may not hold together: separation of duties (security.md P1).
INCOMPATIBLE_ROLES = frozenset(
    {
        frozenset({Role.ADMIN, Role.TREASURER}),
        frozenset({Role.ADMIN, Role.APPROVER}),
        frozenset({Role.TREASURER, Role.APPROVER}),
        frozenset({Role.TREASURER, Role.AUDITOR}),
        frozenset({Role.APPROVER, Role.AUDITOR}),
    }
)


@dataclass(frozen=True)
class Actor:
    """A person or a process. `label` is what logs and histories show."""

    label: str
    user_id: str | None = None
    member_id: str | None = None
    roles: frozenset[Role] = field(default_factory=frozenset)
    is_system: bool = False

    def has_role(self, *roles: Role) -> bool:
        """Say whether the actor holds one of the roles; a system actor holds none."""
        return any(role in self.roles for role in roles)

    def require_role(self, *roles: Role) -> None:
        """Let holders of one of the roles pass. Raises Forbidden."""
        if not self.has_role(*roles):
            raise Forbidden("access.role_needed", role=", ".join(roles))

    def require_member(self) -> str:
        """Return the member the actor acts for. Raises Forbidden for everybody else."""
        if self.member_id is None:
            raise Forbidden("access.member_needed")
        return self.member_id


def system(label: str) -> Actor:
    """Return the actor of a process, e.g. `system("clock")`. It passes no role check: services for it say so."""
    return Actor(label=label, is_system=True)
