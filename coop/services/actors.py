"""Who a user acts as: the offices held now, and the member acted for."""

from sqlmodel import Session, col, select

from coop.core.actor import Actor, Role
from coop.core.errors import NotFound
from coop.models.members import Member, MemberUser
from coop.models.users import Office, User


def actor_for_user(session: Session, user_id: str) -> Actor:
    """Return the actor of a user. Of several members the user's own (a person) comes first. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user.not_found")
    roles = session.exec(select(Office.role).where(Office.user_id == user_id, col(Office.ended_at).is_(None)))
    member_id = session.exec(
        select(Member.id)
        .join(MemberUser, col(MemberUser.member_id) == col(Member.id))
        .where(MemberUser.user_id == user_id, col(Member.left_at).is_(None))
        .order_by(col(Member.kind).desc(), col(Member.number))
    ).first()
    return Actor(
        label=user.name,
        user_id=user.id,
        member_id=member_id,
        roles=frozenset(Role(role) for role in roles),
    )
