"""The settings that all sources share."""

from __future__ import annotations

from tap_replies.source import Setting

COMMON = (
    Setting(
        "accounts",
        ("array", "string"),
        "Several accounts or brands: an array of objects, each with `source`, an optional `name`, "
        "and the source's settings without their prefix. A JSON text is taken too.",
        secret=True,
    ),
    Setting("start_date", "string", "Read nothing older than this moment (ISO 8601)."),
    Setting(
        "end_date",
        "string",
        "Read nothing from this moment on (ISO 8601); with `start_date` it cuts out a window of "
        "history that can be read on its own.",
    ),
    Setting(
        "lookback_minutes",
        "integer",
        "How far before its bookmark each stream reads again, for rows that the API shows late.",
        default=60,
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "max_connections",
        "integer",
        "Requests in flight per credential.",
        default=8,
        minimum=1,
        maximum=100,
    ),
    Setting(
        "max_requests_per_minute",
        "integer",
        "Most requests that a credential sends in a minute; unset means no limit of ours.",
        minimum=1,
    ),
    Setting(
        "request_timeout",
        "integer",
        "Seconds until a request without an answer is given up and tried again.",
        default=120,
        minimum=1,
        maximum=3600,
    ),
    Setting(
        "retry_seconds",
        "integer",
        "How long one request is tried again before it counts as failed.",
        default=600,
        minimum=0,
    ),
    Setting(
        "on_count_mismatch",
        "string",
        "What follows when the API says it holds more than could be read, does not say how much it "
        "holds, or gives rows that lack what their key is made of: `warn`, `fail` (exit "
        "status 1, the bookmark stays) or `ignore`.",
        default="warn",
        allowed=("warn", "fail", "ignore"),
    ),
    Setting(
        "personal_data",
        "string",
        "What becomes of addresses, names, phone numbers and the like in every stream: `keep`, "
        "`hash` (the same person gives the same value, whichever the source) or `drop` (null).",
        default="keep",
        allowed=("keep", "hash", "drop"),
    ),
    Setting(
        "personal_data_salt",
        "string",
        "Secret text of 16 or more characters that the hashes depend on; `hash` needs it.",
        secret=True,
    ),
    Setting(
        "bodies",
        "string",
        "What becomes of what people wrote, subjects and files in every stream: `keep` or `drop` "
        "(null).",
        default="keep",
        allowed=("keep", "drop"),
    ),
    Setting(
        "only",
        "object",
        "Read just these objects and leave every bookmark alone: stream names with lists of ids, "
        'e.g. `{"<stream>": ["<id>"]}`.',
    ),
    Setting(
        "strict",
        "boolean",
        "End with exit status 1 also when something was skipped: a stream that the plan or role "
        "does not allow, or an object that vanished.",
        default=False,
    ),
    Setting(
        "include_internal_notes",
        "boolean",
        "Whether `replies` has internal notes too; the raw streams always have them.",
        default=False,
    ),
    Setting(
        "staff_domains",
        ("array", "string"),
        "Domains of the company's own addresses, such as `acme.example`: who writes from one is "
        "staff in `replies`, unless the API says otherwise. A JSON text is taken too.",
        items="string",
    ),
    Setting(
        "system_senders",
        ("array", "string"),
        "Addresses from which machines write, such as `mailer-daemon@*` (`*` is any text): in "
        "`replies` their author is a bot, unless the API says otherwise. A JSON text is taken too.",
        items="string",
    ),
    Setting("user_agent", "string", "The User-Agent header; default `tap-replies/<version>`."),
)
