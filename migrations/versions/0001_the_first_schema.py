"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from coop.core.db import append_only_ddl, refuse_ddl

revision = "0001"
down_revision = None
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

# No row of these is ever changed or deleted; corrections are new rows.
APPEND_ONLY = (
    "bylaws",
    "contribution",
    "counted_ballot",
    "distribution",
    "distribution_line",
    "event",
    "ledger_entry",
    "ledger_posting",
    "log_head",
    "log_leaf",
    "payout",
    "payout_approval",
    "share_movement",
    "stored_document",
    "usage_posting",
)
# A run is approved only over an approval of this very hash, and what was frozen stays so.
APPROVAL_MISSING = (
    "NEW.state <> 'prepared' AND NOT EXISTS (SELECT 1 FROM payout_approval a"
    " WHERE a.run_id = NEW.id AND a.content_digest = NEW.content_digest AND a.approved_by <> NEW.prepared_by)"
)
# Two accounts that act for one member are one human: at the moment of approval there must be another one.
ONE_HUMAN = (
    "OLD.state = 'prepared' AND NEW.state <> 'prepared' AND NOT EXISTS (SELECT 1 FROM payout_approval a"
    " WHERE a.run_id = NEW.id AND a.content_digest = NEW.content_digest AND NOT EXISTS (SELECT 1"
    " FROM member_user x JOIN member_user y ON y.member_id = x.member_id"
    " WHERE x.user_id = a.approved_by AND y.user_id = NEW.prepared_by))"
)
FROZEN_CHANGED = (
    "NEW.content_digest <> OLD.content_digest OR NEW.total_minor <> OLD.total_minor"
    " OR NEW.prepared_by <> OLD.prepared_by OR NEW.period_id <> OLD.period_id"
    " OR CAST(NEW.content AS TEXT) <> CAST(OLD.content AS TEXT)"
    " OR (OLD.state = 'paid' AND NEW.state <> 'paid') OR (OLD.state = 'approved' AND NEW.state = 'prepared')"
    " OR (OLD.state = 'prepared' AND NEW.state = 'paid')"
)
VERDICT_CHANGED = (
    "OLD.closed_at IS NOT NULL AND (NEW.closed_at IS NULL OR NEW.closed_at <> OLD.closed_at"
    " OR CAST(NEW.verdict AS TEXT) <> CAST(OLD.verdict AS TEXT) OR NEW.result_digest <> OLD.result_digest"
    " OR COALESCE(CAST(NEW.in_force_at AS TEXT), '') <> COALESCE(CAST(OLD.in_force_at AS TEXT), ''))"
)
BALLOT_FROZEN = (
    "NEW.proposal_id <> OLD.proposal_id OR CAST(NEW.rule AS TEXT) <> CAST(OLD.rule AS TEXT)"
    " OR NEW.bylaws_version <> OLD.bylaws_version OR NEW.electorate_size <> OLD.electorate_size"
    " OR NEW.electorate_digest <> OLD.electorate_digest OR NEW.opens_at <> OLD.opens_at"
    " OR NEW.closes_at <> OLD.closes_at"
)
CLOSED = "EXISTS (SELECT 1 FROM ballot b WHERE b.id = NEW.ballot_id AND b.closed_at IS NOT NULL)"
# Voters of a ballot are fixed when it opens, and what they cast when it closes.
ROLL_CHANGED = f"NEW.ballot_id <> OLD.ballot_id OR NEW.member_id <> OLD.member_id OR {CLOSED}"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "accounting_period",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('open','usage_complete','costs_entered','distributed','paid')",
            name=op.f("ck_accounting_period_state_known"),
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_accounting_period_half_open")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_period")),
        sa.UniqueConstraint("name", name=op.f("uq_accounting_period_name")),
    )
    op.create_table(
        "bylaws",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_bylaws")),
    )
    op.create_table(
        "clock_job",
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(length=2000), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_clock_job")),
    )
    op.create_table(
        "cooperative",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("legal_name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("founded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_cooperative_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cooperative")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("commitment", sa.LargeBinary(length=32), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_happened_at"), ["happened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_subject"), ["subject"], unique=False)

    op.create_table(
        "leadership",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leadership")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("is_per_member", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('asset','liability','equity','income','expense')", name=op.f("ck_ledger_account_kind_known")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint("number", name=op.f("uq_ledger_account_number")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("idempotency_key", sa.String(length=160), nullable=False),
        sa.Column("inputs_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("reverses_id", sa.String(), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["reverses_id"], ["ledger_entry.id"], name=op.f("fk_ledger_entry_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_ledger_entry_idempotency_key")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_entry_reverses_id")),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entry_booked_at"), ["booked_at"], unique=False)

    op.create_table(
        "log_head",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    with op.batch_alter_table("log_head", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_log_head_signed_at"), ["signed_at"], unique=False)

    op.create_table(
        "member",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('person','organisation')", name=op.f("ck_member_kind_known")),
        sa.CheckConstraint("left_at IS NULL OR left_at > joined_at", name=op.f("ck_member_leaves_after_joining")),
        sa.CheckConstraint("number > 0", name=op.f("ck_member_number_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("number", name=op.f("uq_member_number")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_sent_at"), ["sent_at"], unique=False)

    op.create_table(
        "policy",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("proposal_id", sa.String(length=32), nullable=True),
        sa.Column("ballot_number", sa.Integer(), nullable=True),
        sa.Column("result_digest", sa.String(length=64), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enacted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle", JSON, nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("epoch", "version", name=op.f("pk_policy")),
    )
    op.create_table(
        "request_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("location", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_key")),
        sa.UniqueConstraint("actor", "key", name=op.f("uq_request_key_actor_key")),
    )
    op.create_table(
        "share_class",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("nominal_minor", sa.BigInteger(), nullable=False),
        sa.Column("least_micro", sa.BigInteger(), nullable=False),
        sa.Column("is_membership", sa.Boolean(), nullable=False),
        sa.CheckConstraint("least_micro > 0", name=op.f("ck_share_class_least_positive")),
        sa.CheckConstraint("nominal_minor > 0", name=op.f("ck_share_class_nominal_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_class")),
        sa.UniqueConstraint("name", name=op.f("uq_share_class_name")),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("dedupe_key", sa.String(length=120), nullable=False),
        sa.Column("arguments", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=2000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting','running','done','failed')", name=op.f("ck_task_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_task_dedupe_key")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_state"), ["state"], unique=False)

    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("milli_tokens", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password_hash", sa.String(length=400), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("theme", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("secret_digest", sa.String(length=64), nullable=False),
        sa.Column("models", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_api_key_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("secret_digest", name=op.f("uq_api_key_secret_digest")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_member_id"), ["member_id"], unique=False)

    op.create_table(
        "application",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.String(length=4000), nullable=False),
        sa.Column("shares_micro", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.Column("decision_note", sa.String(length=4000), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "(state = 'joined') = (member_id IS NOT NULL)", name=op.f("ck_application_joined_has_member")
        ),
        sa.CheckConstraint(
            "state IN ('applied','approved','joined','refused')", name=op.f("ck_application_state_known")
        ),
        sa.CheckConstraint("shares_micro > 0", name=op.f("ck_application_shares_positive")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_application_member_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_application_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("reference", name=op.f("uq_application_reference")),
    )
    with op.batch_alter_table("application", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_application_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_application_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_application_open_email",
            ["email"],
            unique=True,
            sqlite_where=sa.text("state IN ('applied','approved')"),
            postgresql_where=sa.text("state IN ('applied','approved')"),
        )

    op.create_table(
        "budget_lease",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("settled_nano", sa.BigInteger(), nullable=False),
        sa.Column("returned_nano", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open','closed')", name=op.f("ck_budget_lease_state_known")),
        sa.CheckConstraint("amount_nano > 0", name=op.f("ck_budget_lease_amount_positive")),
        sa.CheckConstraint("returned_nano >= 0", name=op.f("ck_budget_lease_returned_not_negative")),
        sa.CheckConstraint(
            "settled_nano + returned_nano <= amount_nano", name=op.f("ck_budget_lease_not_more_than_taken")
        ),
        sa.CheckConstraint("settled_nano >= 0", name=op.f("ck_budget_lease_settled_not_negative")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_budget_lease_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_lease")),
    )
    with op.batch_alter_table("budget_lease", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_lease_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_budget_lease_state"), ["state"], unique=False)

    op.create_table(
        "contribution",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("consumer_id", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("earned_nano", sa.BigInteger(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cost_nano >= 0 AND earned_nano >= 0 AND earned_nano <= cost_nano",
            name=op.f("ck_contribution_amounts_sane"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_contribution_quantity_not_negative")),
        sa.ForeignKeyConstraint(["consumer_id"], ["member.id"], name=op.f("fk_contribution_consumer_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["member.id"], name=op.f("fk_contribution_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contribution")),
        sa.UniqueConstraint("source_id", name=op.f("uq_contribution_source_id")),
    )
    with op.batch_alter_table("contribution", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contribution_consumer_id"), ["consumer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contribution_provider_id"), ["provider_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contribution_used_at"), ["used_at"], unique=False)

    op.create_table(
        "credit_balance",
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("available_nano", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("available_nano >= 0", name=op.f("ck_credit_balance_no_overdraft")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_credit_balance_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_credit_balance")),
    )
    with op.batch_alter_table("credit_balance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_balance_member_id"), ["member_id"], unique=False)

    op.create_table(
        "credit_deposit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting','paid','cancelled')", name=op.f("ck_credit_deposit_state_known")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credit_deposit_amount_positive")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_credit_deposit_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_deposit")),
        sa.UniqueConstraint("reference", name=op.f("uq_credit_deposit_reference")),
    )
    with op.batch_alter_table("credit_deposit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_deposit_member_id"), ["member_id"], unique=False)

    op.create_table(
        "distribution",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("period_id", sa.String(), nullable=False),
        sa.Column("bylaws_version", sa.Integer(), nullable=False),
        sa.Column("income_minor", sa.BigInteger(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("surplus_minor", sa.BigInteger(), nullable=False),
        sa.Column("reserve_minor", sa.BigInteger(), nullable=False),
        sa.Column("shared_minor", sa.BigInteger(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("distributed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("distributed_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["bylaws_version"], ["bylaws.version"], name=op.f("fk_distribution_bylaws_version")),
        sa.ForeignKeyConstraint(["period_id"], ["accounting_period.id"], name=op.f("fk_distribution_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution")),
        sa.UniqueConstraint("period_id", name=op.f("uq_distribution_period_id")),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("node_name", sa.String(length=63), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("fk_enrolment_code_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_code")),
    )
    with op.batch_alter_table("enrolment_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolment_code_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "ledger_posting",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("entry_id", sa.String(length=32), nullable=False),
        sa.Column("account_code", sa.String(length=40), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_posting_amount_not_zero")),
        sa.ForeignKeyConstraint(["account_code"], ["ledger_account.code"], name=op.f("fk_ledger_posting_account_code")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_ledger_posting_entry_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_ledger_posting_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
    )
    with op.batch_alter_table("ledger_posting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_posting_account_code"), ["account_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_posting_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_posting_member_id"), ["member_id"], unique=False)

    op.create_table(
        "log_leaf",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_log_leaf_event_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_log_leaf")),
        sa.UniqueConstraint("event_id", name=op.f("uq_log_leaf_event_id")),
    )
    op.create_table(
        "member_user",
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("is_delegate", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_user_member_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_member_user_user_id")),
        sa.PrimaryKeyConstraint("member_id", "user_id", name=op.f("pk_member_user")),
    )
    with op.batch_alter_table("member_user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_user_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_member_user_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_member_user_delegate",
            ["member_id"],
            unique=True,
            sqlite_where=sa.text("is_delegate = 1"),
            postgresql_where=sa.text("is_delegate"),
        )

    op.create_table(
        "node",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("inventory", JSON, nullable=False),
        sa.Column("models", JSON, nullable=False),
        sa.Column("credential", sa.String(length=4000), nullable=True),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("policy_epoch", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("obeyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting','ready','draining','revoked')", name=op.f("ck_node_state_known")),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("fk_node_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
        sa.UniqueConstraint("name", name=op.f("uq_node_name")),
        sa.UniqueConstraint("public_key", name=op.f("uq_node_public_key")),
    )
    with op.batch_alter_table("node", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_node_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "office",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(length=120), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('admin','treasurer','approver','sysadmin','auditor')", name=op.f("ck_office_role_known")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_office_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office")),
    )
    with op.batch_alter_table("office", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_office_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_office_held",
            ["user_id", "role"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "payout_run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("period_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("prepared_by", sa.String(length=32), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_by", sa.String(length=120), nullable=True),
        sa.CheckConstraint("state IN ('prepared','approved','paid')", name=op.f("ck_payout_run_state_known")),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_payout_run_total_not_negative")),
        sa.ForeignKeyConstraint(["period_id"], ["accounting_period.id"], name=op.f("fk_payout_run_period_id")),
        sa.ForeignKeyConstraint(["prepared_by"], ["user_account.id"], name=op.f("fk_payout_run_prepared_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_run")),
        sa.UniqueConstraint("id", "prepared_by", "content_digest", name="uq_payout_run_frozen"),
        sa.UniqueConstraint("number", name=op.f("uq_payout_run_number")),
        sa.UniqueConstraint("period_id", name=op.f("uq_payout_run_period_id")),
    )
    with op.batch_alter_table("payout_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payout_run_prepared_by"), ["prepared_by"], unique=False)

    op.create_table(
        "period_cost",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("period_id", sa.String(length=32), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(length=32), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.String(length=120), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_period_cost_amount_positive")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_period_cost_entry_id")),
        sa.ForeignKeyConstraint(["period_id"], ["accounting_period.id"], name=op.f("fk_period_cost_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_cost")),
    )
    with op.batch_alter_table("period_cost", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_period_cost_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_period_cost_period_id"), ["period_id"], unique=False)

    op.create_table(
        "proposal",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=4000), nullable=False),
        sa.Column("change", JSON, nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('policy')", name=op.f("ck_proposal_kind_known")),
        sa.CheckConstraint(
            "state IN ('ballot','passed','failed','enacted','lapsed')", name=op.f("ck_proposal_state_known")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["member.id"], name=op.f("fk_proposal_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
        sa.UniqueConstraint("number", name=op.f("uq_proposal_number")),
    )
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposal_author_id"), ["author_id"], unique=False)

    op.create_table(
        "share_movement",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("class_id", sa.String(length=32), nullable=False),
        sa.Column("quantity_micro", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity_micro <> 0", name=op.f("ck_share_movement_quantity_not_zero")),
        sa.ForeignKeyConstraint(["class_id"], ["share_class.id"], name=op.f("fk_share_movement_class_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_share_movement_entry_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_share_movement_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_movement")),
    )
    with op.batch_alter_table("share_movement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_share_movement_class_id"), ["class_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_share_movement_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_share_movement_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_share_movement_moved_at"), ["moved_at"], unique=False)

    op.create_table(
        "share_subscription",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("class_id", sa.String(length=32), nullable=False),
        sa.Column("quantity_micro", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting','paid','cancelled')", name=op.f("ck_share_subscription_state_known")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_share_subscription_amount_positive")),
        sa.CheckConstraint("quantity_micro > 0", name=op.f("ck_share_subscription_quantity_positive")),
        sa.ForeignKeyConstraint(["class_id"], ["share_class.id"], name=op.f("fk_share_subscription_class_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_share_subscription_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_subscription")),
        sa.UniqueConstraint("reference", name=op.f("uq_share_subscription_reference")),
    )
    with op.batch_alter_table("share_subscription", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_share_subscription_class_id"), ["class_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_share_subscription_member_id"), ["member_id"], unique=False)

    op.create_table(
        "signin_link",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('setup','signin')", name=op.f("ck_signin_link_purpose_known")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_signin_link_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_link")),
    )
    with op.batch_alter_table("signin_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signin_link_user_id"), ["user_id"], unique=False)

    op.create_table(
        "stored_document",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_stored_document_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_document")),
        sa.UniqueConstraint("name", name=op.f("uq_stored_document_name")),
    )
    with op.batch_alter_table("stored_document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stored_document_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_stored_document_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "usage_posting",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("period_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("brought_nano", sa.BigInteger(), nullable=False),
        sa.Column("used_nano", sa.BigInteger(), nullable=False),
        sa.Column("posted_minor", sa.BigInteger(), nullable=False),
        sa.Column("carried_nano", sa.BigInteger(), nullable=False),
        sa.Column("receipts", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('consumer','provider')", name=op.f("ck_usage_posting_side_known")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_usage_posting_member_id")),
        sa.ForeignKeyConstraint(["period_id"], ["accounting_period.id"], name=op.f("fk_usage_posting_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_posting")),
        sa.UniqueConstraint("period_id", "member_id", "side", name=op.f("uq_usage_posting_period_id_member_id_side")),
    )
    with op.batch_alter_table("usage_posting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_usage_posting_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_usage_posting_period_id"), ["period_id"], unique=False)

    op.create_table(
        "web_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("form_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_web_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
    )
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "ballot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("rule", JSON, nullable=False),
        sa.Column("bylaws_version", sa.Integer(), nullable=False),
        sa.Column("electorate_size", sa.Integer(), nullable=False),
        sa.Column("electorate_digest", sa.String(length=64), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", JSON, nullable=True),
        sa.Column("result_digest", sa.String(length=64), nullable=True),
        sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(closed_at IS NULL) = (verdict IS NULL)", name=op.f("ck_ballot_closed_has_verdict")),
        sa.CheckConstraint("closes_at > opens_at", name=op.f("ck_ballot_half_open")),
        sa.CheckConstraint("electorate_size > 0", name=op.f("ck_ballot_has_electorate")),
        sa.ForeignKeyConstraint(["bylaws_version"], ["bylaws.version"], name=op.f("fk_ballot_bylaws_version")),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_ballot_proposal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballot")),
        sa.UniqueConstraint("proposal_id", name=op.f("uq_ballot_proposal_id")),
    )
    with op.batch_alter_table("ballot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ballot_closes_at"), ["closes_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_ballot_in_force_at"), ["in_force_at"], unique=False)

    op.create_table(
        "distribution_line",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("distribution_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("inputs", JSON, nullable=False),
        sa.CheckConstraint("step IN ('contribution','use','capital')", name=op.f("ck_distribution_line_step_known")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_distribution_line_amount_not_negative")),
        sa.ForeignKeyConstraint(
            ["distribution_id"], ["distribution.id"], name=op.f("fk_distribution_line_distribution_id")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_distribution_line_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution_line")),
        sa.UniqueConstraint(
            "distribution_id", "member_id", "step", name=op.f("uq_distribution_line_distribution_id_member_id_step")
        ),
    )
    with op.batch_alter_table("distribution_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_distribution_line_distribution_id"), ["distribution_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_distribution_line_member_id"), ["member_id"], unique=False)

    op.create_table(
        "payout",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payout_amount_not_negative")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_payout_member_id")),
        sa.ForeignKeyConstraint(["run_id"], ["payout_run.id"], name=op.f("fk_payout_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sa.UniqueConstraint("number", name=op.f("uq_payout_number")),
        sa.UniqueConstraint("run_id", "member_id", name=op.f("uq_payout_run_id_member_id")),
    )
    with op.batch_alter_table("payout", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payout_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payout_run_id"), ["run_id"], unique=False)

    op.create_table(
        "payout_approval",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("prepared_by", sa.String(length=32), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=32), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("approved_by <> prepared_by", name=op.f("ck_payout_approval_four_eyes")),
        sa.ForeignKeyConstraint(["approved_by"], ["user_account.id"], name=op.f("fk_payout_approval_approved_by")),
        sa.ForeignKeyConstraint(
            ["run_id", "prepared_by", "content_digest"],
            ["payout_run.id", "payout_run.prepared_by", "payout_run.content_digest"],
            name="fk_payout_approval_frozen",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_approval")),
        sa.UniqueConstraint("run_id", "approved_by", name=op.f("uq_payout_approval_run_id_approved_by")),
    )
    with op.batch_alter_table("payout_approval", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payout_approval_approved_by"), ["approved_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_payout_approval_run_id"), ["run_id"], unique=False)

    op.create_table(
        "receipt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lease_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("node_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("node_signature", sa.String(length=128), nullable=False),
        sa.Column("gateway_signature", sa.String(length=128), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('half','complete','flagged')", name=op.f("ck_receipt_state_known")),
        sa.CheckConstraint("cost_nano >= 0", name=op.f("ck_receipt_cost_not_negative")),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name=op.f("fk_receipt_key_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["budget_lease.id"], name=op.f("fk_receipt_lease_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_receipt_member_id")),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name=op.f("fk_receipt_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
    )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipt_key_id"), ["key_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_lease_id"), ["lease_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_member_id"), ["member_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_node_id"), ["node_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_state"), ["state"], unique=False)

    op.create_table(
        "ballot_roll",
        sa.Column("ballot_id", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=32), nullable=False),
        sa.Column("cast", JSON, nullable=True),
        sa.Column("cast_number", sa.Integer(), nullable=False),
        sa.Column("receipt_code", sa.String(length=20), nullable=True),
        sa.Column("voted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(cast_number = 0) = (voted_at IS NULL)", name=op.f("ck_ballot_roll_voted_has_cast")),
        sa.CheckConstraint("cast_number >= 0", name=op.f("ck_ballot_roll_cast_number_not_negative")),
        sa.ForeignKeyConstraint(["ballot_id"], ["ballot.id"], name=op.f("fk_ballot_roll_ballot_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_ballot_roll_member_id")),
        sa.PrimaryKeyConstraint("ballot_id", "member_id", name=op.f("pk_ballot_roll")),
    )
    with op.batch_alter_table("ballot_roll", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ballot_roll_ballot_id"), ["ballot_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ballot_roll_member_id"), ["member_id"], unique=False)

    op.create_table(
        "counted_ballot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("ballot_id", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.CheckConstraint("choice IN ('yes','no','abstain')", name=op.f("ck_counted_ballot_choice_known")),
        sa.ForeignKeyConstraint(["ballot_id"], ["ballot.id"], name=op.f("fk_counted_ballot_ballot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_ballot")),
        sa.UniqueConstraint("ballot_id", "code", name=op.f("uq_counted_ballot_ballot_id_code")),
    )
    with op.batch_alter_table("counted_ballot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_counted_ballot_ballot_id"), ["ballot_id"], unique=False)

    dialect = op.get_context().dialect.name
    statements = [ddl for table in APPEND_ONLY for ddl in append_only_ddl(table, dialect)]
    statements += refuse_ddl("payout_run_needs_approval", "payout_run", "UPDATE", dialect, when=APPROVAL_MISSING)
    statements += refuse_ddl("payout_run_one_human", "payout_run", "UPDATE", dialect, when=ONE_HUMAN)
    statements += refuse_ddl(
        "payout_run_insert_prepared", "payout_run", "INSERT", dialect, when="NEW.state <> 'prepared'"
    )
    statements += refuse_ddl("payout_run_frozen", "payout_run", "UPDATE", dialect, when=FROZEN_CHANGED)
    statements += refuse_ddl("payout_run_no_delete", "payout_run", "DELETE", dialect)
    statements += refuse_ddl("ballot_verdict_final", "ballot", "UPDATE", dialect, when=VERDICT_CHANGED)
    statements += refuse_ddl("ballot_frozen", "ballot", "UPDATE", dialect, when=BALLOT_FROZEN)
    statements += refuse_ddl("ballot_no_delete", "ballot", "DELETE", dialect)
    statements += refuse_ddl("ballot_roll_closed", "ballot_roll", "UPDATE", dialect, when=ROLL_CHANGED)
    statements += refuse_ddl("ballot_roll_no_late", "ballot_roll", "INSERT", dialect, when=CLOSED)
    statements += refuse_ddl("ballot_roll_no_delete", "ballot_roll", "DELETE", dialect)
    statements += refuse_ddl("counted_ballot_no_late", "counted_ballot", "INSERT", dialect, when=CLOSED)
    for statement in statements:
        op.execute(sa.text(statement.replace(":", "\\:")))
