"""Group incidents, suggestions, satisfaction; why a draft needs a manager."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("drafts", sa.Column("cause", sa.String(length=16), nullable=True))
    _incidents()
    _suggestions()
    _incident_cases()
    _suggestion_messages()
    _survey_answers()
    _survey_links()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=True),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("checklist", _JSON, nullable=False),
        sa.Column("script_draft_id", sa.String(length=40), nullable=True),
        sa.Column("script_id", sa.String(length=40), nullable=True),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
        sa.Column("alerted_at", _MOMENT, nullable=True),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("closed_by", sa.String(length=40), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("result_original", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_incidents_community_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_incidents_owner_id")),
        sa.ForeignKeyConstraint(["script_draft_id"], ["drafts.id"], name=op.f("fk_incidents_script_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_newest", "incidents", ["opened_at", "id"])
    op.create_index("ix_incidents_status", "incidents", ["status", "community_id", "opened_at"])


def _suggestions() -> None:
    op.create_table(
        "suggestions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("department", sa.String(length=16), nullable=True),
        sa.Column("said_at", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=True),
        sa.Column("changed_by", sa.String(length=40), nullable=True),
        sa.Column("draft_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_suggestions_community_id")),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name=op.f("fk_suggestions_draft_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_suggestions_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestions")),
    )
    op.create_index("ix_suggestions_member", "suggestions", ["member_id"])
    op.create_index("ix_suggestions_newest", "suggestions", ["created_at", "id"])
    op.create_index("ix_suggestions_status", "suggestions", ["status", "community_id", "created_at"])


def _incident_cases() -> None:
    op.create_table(
        "incident_cases",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("incident_id", sa.String(length=40), nullable=False),
        sa.Column("joined_at", _MOMENT, nullable=False),
        sa.Column("joined_by", sa.String(length=40), nullable=False),
        sa.Column("left_at", _MOMENT, nullable=True),
        sa.Column("severity_before", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_incident_cases_case_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_cases_incident_id")),
        sa.PrimaryKeyConstraint("case_id", "incident_id", name=op.f("pk_incident_cases")),
    )


def _suggestion_messages() -> None:
    op.create_table(
        "suggestion_messages",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("suggestion_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_suggestion_messages_message_id")),
        sa.ForeignKeyConstraint(
            ["suggestion_id"], ["suggestions.id"], name=op.f("fk_suggestion_messages_suggestion_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_suggestion_messages")),
    )
    op.create_index(op.f("ix_suggestion_messages_suggestion_id"), "suggestion_messages", ["suggestion_id"])


def _survey_answers() -> None:
    op.create_table(
        "survey_answers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("external_id", sa.String(length=220), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_survey_answers_case_id")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_survey_answers_community_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_survey_answers_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_answers")),
        sa.UniqueConstraint(
            "channel", "community_id", "external_id", name=op.f("uq_survey_answers_channel_community_id_external_id")
        ),
    )
    op.create_index("ix_survey_answers_case", "survey_answers", ["case_id"])
    op.create_index("ix_survey_answers_kind", "survey_answers", ["community_id", "kind", "at"])
    op.create_index("ix_survey_answers_member", "survey_answers", ["member_id"])


def _survey_links() -> None:
    op.create_table(
        "survey_links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("token", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("draft_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_survey_links_case_id")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_survey_links_community_id")),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name=op.f("fk_survey_links_draft_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_survey_links_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_links")),
        sa.UniqueConstraint("token", name=op.f("uq_survey_links_token")),
    )
    op.create_index("ix_survey_links_case", "survey_links", ["case_id", "kind"])
    op.create_index("ix_survey_links_draft", "survey_links", ["draft_id"])
