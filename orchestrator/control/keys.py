"""The key ceremony and everything minted from it: NATS operator, accounts, users, and the co-op's policy and log keys.

Seeds lie in files of mode 0600 below `settings.keys`; only control (and the command line on its machine) reads them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from coop.core.clock import utc_now
from coop.core.errors import Conflict, Unavailable
from coop.core.settings import Settings
from coop.core.signing import SigningKey, canonical, write_private
from orchestrator.rules import jwt
from orchestrator.rules.jwt import Kind, Nkey, Permissions, Scope
from orchestrator.rules.names import is_reserved
from orchestrator.subjects import Subjects, inbox_prefix

TAKE_AWAY = "operator.take-away.seed"
ROLES = ("node", "gateway", "control")
USER_VALID_S = 24 * 3600
ANSWER_WITHIN_S = 120  # how long a party may answer a request it received
GATEWAY = "gateway-1"
CONTROL = "control"
SYSTEM = "system"
NAME_TOKEN = "{{name()}}"  # noqa: S105 -- a template of nats-server, not a secret


@dataclass(frozen=True)
class Keys:
    """All key material of an instance, read from its files."""

    settings: Settings
    operator_signing: Nkey
    system_account: Nkey
    grid_account: Nkey
    scopes: Mapping[str, Nkey]

    @cached_property
    def policy_key(self) -> SigningKey:
        """Return the key that signs policy bundles."""
        return SigningKey.load_or_create(self.settings.keys / "policy.key")

    @cached_property
    def log_key(self) -> SigningKey:
        """Return the key that signs heads of the log."""
        return SigningKey.load_or_create(self.settings.keys / "log.key")

    def trust_roots(self) -> dict[str, object]:
        """Return what a node pins at enrolment."""
        return {
            "coop": self.settings.instance,
            "policy_keys": [self.policy_key.key_id],
            "log_keys": [self.log_key.key_id],
        }

    def mint_user(
        self, role: str, name: str, public_key: str, *, valid_s: int = USER_VALID_S, now: datetime | None = None
    ) -> str:
        """Return a user JWT of a role (`node`, `gateway`, `control`); the scope of the role says what it may."""
        if role == "node" and is_reserved(name):
            raise Conflict("node.name_reserved")
        now = now or utc_now()
        return jwt.user_jwt(
            self.scopes[role],
            account=self.grid_account.public_key,
            public_key=public_key,
            name=name,
            expires_at=now + timedelta(seconds=valid_s),
            now=now,
        )

    def public_key_of(self, name: str) -> str:
        """Return the public nkey of a process of this machine, such as `gateway-1`."""
        return _load_or_create(self.settings.keys / f"{name}.seed", Kind.USER).public_key

    def grid_jwt(self, revocations: Mapping[str, datetime], *, now: datetime) -> str:
        """Return the GRID account's JWT with these users revoked, and keep it for the next start of NATS."""
        permissions = role_permissions(Subjects(self.settings.instance))
        scopes = [Scope(self.scopes[role].public_key, role, permissions[role]) for role in ROLES]
        token = jwt.account_jwt(
            self.operator_signing,
            public_key=self.grid_account.public_key,
            name="GRID",
            scopes=scopes,
            revocations=revocations,
            now=now,
        )
        write_private(self.settings.nats_home / "grid.jwt", token.encode())
        return token

    def system_jwt(self, *, now: datetime) -> str:
        """Return the SYS account's JWT."""
        public_key = self.system_account.public_key
        return jwt.account_jwt(self.operator_signing, public_key=public_key, name="SYS", now=now)

    def write_own_credentials(self, *, now: datetime) -> None:
        """Mint the credentials of control, of its SYS user and of the local gateway anew; their seeds stay."""
        for role, name in (("control", CONTROL), ("gateway", GATEWAY)):
            pair = _load_or_create(self.settings.keys / f"{name}.seed", Kind.USER)
            token = self.mint_user(role, name, pair.public_key, now=now)
            write_credentials(credentials_path(self.settings, name), token, pair.seed)
        pair = _load_or_create(self.settings.keys / f"{SYSTEM}.seed", Kind.USER)
        inbox = f"{inbox_prefix(SYSTEM)}.>"
        token = jwt.system_user_jwt(
            self.system_account,
            public_key=pair.public_key,
            name=SYSTEM,
            permissions=Permissions(publish=("$SYS.REQ.CLAIMS.UPDATE",), subscribe=(inbox,)),
            expires_at=now + timedelta(seconds=USER_VALID_S),
            now=now,
        )
        write_credentials(credentials_path(self.settings, SYSTEM), token, pair.seed)


def role_permissions(subjects: Subjects) -> dict[str, Permissions]:
    """Return what each role may publish and subscribe. Allow-lists only, each party its own inbox.

    A node may ask control for what nodes need; keys, budgets and the fleet are for gateways.
    """
    inbox = f"{inbox_prefix(NAME_TOKEN)}.>"
    announced = subjects.policy_announced()
    return {
        "node": Permissions(
            publish=(
                subjects.events_of(NAME_TOKEN),
                subjects.policy_fetch(NAME_TOKEN),
                subjects.receipt_deliver(NAME_TOKEN),
                subjects.credential_renew(NAME_TOKEN),
            ),
            subscribe=(subjects.requests_to(NAME_TOKEN), announced, inbox),
            response_s=ANSWER_WITHIN_S,
        ),
        "gateway": Permissions(
            publish=(subjects.requests_to("*"), subjects.asks_of(NAME_TOKEN)), subscribe=(announced, inbox)
        ),
        "control": Permissions(
            publish=(announced,),
            subscribe=(subjects.asks_of("*"), subjects.events_of("*"), inbox),
            response_s=ANSWER_WITHIN_S,
        ),
    }


def credentials_path(settings: Settings, name: str) -> Path:
    """Return where the credentials of a process of this machine lie."""
    return settings.nats_home / "creds" / f"{name}.creds"


def credentials_text(token: str, seed: str) -> str:
    """Return a credentials file as NATS clients read it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def write_credentials(path: Path, token: str, seed: str) -> None:
    """Write a credentials file, readable by its owner only."""
    write_private(path, credentials_text(token, seed).encode())


def ceremony(settings: Settings) -> Keys:
    """Make what is missing of the keys and JWTs, change nothing that is there, and return all keys.

    Raises Unavailable when the operator's JWT is lost and its identity key was taken away.
    """
    folder = settings.keys
    system_account = _load_or_create(folder / "system-account.seed", Kind.ACCOUNT)
    signing = _load_or_create(folder / "operator-signing.seed", Kind.OPERATOR)
    keys = Keys(
        settings=settings,
        operator_signing=signing,
        system_account=system_account,
        grid_account=_load_or_create(folder / "grid-account.seed", Kind.ACCOUNT),
        scopes={role: _load_or_create(folder / f"scope-{role}.seed", Kind.ACCOUNT) for role in ROLES},
    )
    now = utc_now()
    _ensure_operator(keys, now)
    if not (settings.nats_home / "grid.jwt").exists():
        keys.grid_jwt({}, now=now)
    keys.write_own_credentials(now=now)
    write_private(settings.roots_path, canonical(keys.trust_roots()))
    return keys


def trust_roots(settings: Settings) -> dict[str, object]:
    """Return what a node pins at enrolment: the instance and the public keys of policies and of the log."""
    roots: dict[str, object] = json.loads(settings.roots_path.read_text())
    return roots


def _ensure_operator(keys: Keys, now: datetime) -> None:
    path = keys.settings.nats_home / "operator.jwt"
    if path.exists():
        return
    seed = keys.settings.keys / TAKE_AWAY
    # The mark outlives the seed, so that a lost JWT is not silently answered with a new operator.
    mark = keys.settings.keys / "operator.pub"
    if mark.exists() and not seed.exists():
        raise Unavailable("keys.operator_taken_away", file=str(seed))
    identity = _load_or_create(seed, Kind.OPERATOR)
    write_private(mark, identity.public_key.encode())
    token = jwt.operator_jwt(
        identity,
        name=f"coop-{keys.settings.instance}",
        system_account=keys.system_account.public_key,
        signing_keys=[keys.operator_signing.public_key],
        now=now,
    )
    write_private(path, token.encode())


def _load_or_create(path: Path, kind: Kind) -> Nkey:
    if not path.exists():
        write_private(path, Nkey.generate(kind).seed.encode())
    return Nkey(path.read_text())
