"""The sandbox answers as Mailchimp's own description and Mailchimp's own client expect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import requests
from mailchimp_marketing import Client  # type: ignore[import-untyped]

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS: dict[str, Any] = json.loads(
    Path(__file__).with_name("data").joinpath("mailchimp-responses.json").read_text("utf-8")
)
CONVERSATION, CAMPAIGN, LIST = "fa8c387539", "42694e9e57", "57afe96172"
HASH = "62eeb292278cc15f5817cb78f7790b08"
ROWS = {
    "/conversations": "conversations",
    "/conversations/{conversation_id}/messages": "conversation_messages",
    "/campaigns": "campaigns",
    "/reports": "reports",
    "/reports/{campaign_id}/sub-reports": "reports",
    "/reports/{campaign_id}/unsubscribed": "unsubscribes",
    "/lists": "lists",
    "/lists/{list_id}/members": "members",
    "/automations": "automations",
    "/automations/{workflow_id}/emails": "emails",
    "/reporting/surveys": "surveys",
    "/reporting/surveys/{survey_id}/responses": "responses",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve the default data."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def get(sandbox: Sandbox) -> Iterator[Any]:
    """Return a function that asks for a path as the first account."""
    with requests.Session() as session:
        session.auth = ("anybody", sandbox.config()["mailchimp_api_key"])

        def ask(path: str, **query: str) -> Any:  # noqa: ANN401
            answer = session.get(f"{sandbox.url}/3.0{path}", params=query, timeout=10)
            answer.raise_for_status()
            return answer.json()

        yield ask


def fill(template: str, get: Any) -> str:  # noqa: ANN401
    """Put the ids of existing objects into the placeholders of a path."""
    variate = get("/campaigns", type="variate", status="sent", count="1")["campaigns"][0]["id"]
    survey = get("/reporting/surveys")["surveys"][0]["id"]
    ids = {
        "conversation_id": CONVERSATION,
        "campaign_id": variate if template.endswith("sub-reports") else CAMPAIGN,
        "subscriber_hash": HASH,
        "list_id": LIST,
        "workflow_id": get("/automations")["automations"][0]["id"],
        "survey_id": survey,
        "response_id": get(f"/reporting/surveys/{survey}/responses")["responses"][0]["response_id"],
    }
    return template.format(**ids)


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Walk the paths of all properties a schema documents."""
    for part in schema.get("allOf", ()):
        yield from leaves(part, path)
    if "items" in schema:
        yield from leaves(schema["items"], path)
    for name, below in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        yield inner
        yield from leaves(below, inner)


def present(value: object, path: str = "") -> Iterator[str]:
    """Walk the paths of all properties a value has."""
    if isinstance(value, list):
        for item in value:
            yield from present(item, path)
    elif isinstance(value, dict):
        for name, below in value.items():
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from present(below, inner)


def lenient(schema: Any) -> Any:  # noqa: ANN401
    """Let enumerations also be empty strings, which the vendor sends against its description."""
    if isinstance(schema, list):
        return [lenient(one) for one in schema]
    if isinstance(schema, dict):
        changed = {name: lenient(one) for name, one in schema.items()}
        if isinstance(changed.get("enum"), list):
            changed["enum"] = [*changed["enum"], ""]
        return changed
    return schema


@pytest.mark.parametrize("template", [path for path in SCHEMAS if path.startswith("/")])
def test_answers_fit_the_vendors_description(template: str, get: Any) -> None:  # noqa: ANN401
    """Every endpoint answers in the shape of its documented 200 response."""
    answer = get(fill(template, get), count="1000", include_total_contacts="true")
    jsonschema.validate(answer, lenient(SCHEMAS[template]))
    assert template == "/ping" or answer["_links"]


@pytest.mark.parametrize(("template", "name"), ROWS.items())
def test_rows_show_every_documented_property(template: str, name: str, get: Any) -> None:  # noqa: ANN401
    """Each property the vendor documents for a row is there in some row."""
    query = {
        "count": "1000",
        "include_total_contacts": "true",
        "include_resend_shortcut_eligibility": "true",
    }
    rows = get(fill(template, get), **query)[name]
    assert len(rows) > 1
    row_schema = SCHEMAS[template]["properties"][name]["items"]
    missing = set(leaves(row_schema)) - set(present(rows))
    assert {path for path in missing if not path.startswith("resend_shortcut_usage")} == set()


def test_objects_show_every_documented_property(get: Any) -> None:  # noqa: ANN401
    """The account, a campaign with all it can be asked for, and a response are complete."""
    options = {
        "include_resend_shortcut_eligibility": "true",
        "include_resend_shortcut_usage": "true",
    }
    campaign = get(f"/campaigns/{CAMPAIGN}", **options)
    usage = {path for path in leaves(SCHEMAS["/campaigns/{campaign_id}"]) if "resend_" in path}
    assert usage <= set(present(campaign))
    response = "/reporting/surveys/{survey_id}/responses/{response_id}"
    for template in ("/", response):
        assert set(leaves(SCHEMAS[template])) <= set(present(get(fill(template, get))))


def test_errors_fit_the_vendors_description(sandbox: Sandbox) -> None:
    """Errors are problem documents with the status of the answer."""
    auth = ("x", sandbox.config()["mailchimp_api_key"])
    for path, status in (("/nope", 404), ("/lists?fields=x&exclude_fields=y", 400)):
        answer = requests.get(f"{sandbox.url}/3.0{path}", auth=auth, timeout=10)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        jsonschema.validate(answer.json(), SCHEMAS["problem"])
        assert answer.status_code == answer.json()["status"] == status


@pytest.mark.parametrize("credential", ["api_key", "access_token"])
def test_the_vendors_own_client_reads_the_sandbox(sandbox: Sandbox, credential: str) -> None:
    """mailchimp_marketing.Client reads every collection a tap needs, by key and by token."""
    account = sandbox.world.mailchimp[0]
    client = Client({credential: getattr(account, credential), "server": "us6"})
    client.api_client.host = f"{sandbox.url}/3.0"
    assert client.ping.get()["health_status"]
    listed = client.conversations.list(count=1000)
    assert len(listed["conversations"]) == listed["total_items"] == 40
    assert client.conversations.get(CONVERSATION)["id"] == CONVERSATION
    messages = client.conversations.get_conversation_messages(CONVERSATION)
    assert len(messages["conversation_messages"]) == 10
    assert messages["total_items"] == 12
    left = client.reports.get_unsubscribed_list_for_campaign(CAMPAIGN, count=1000)
    assert left["unsubscribes"][0]["email_address"] == "urist.mcvankab@freddiesjokes.com"
    one = client.reports.get_unsubscribed_list_member(CAMPAIGN, HASH)
    assert one["email_id"] == HASH
    assert client.campaigns.list(status="sent")["campaigns"]
    assert client.reports.get_all_campaign_reports()["reports"]
    assert client.lists.get_all_lists()["lists"][0]["id"] == LIST
    members = client.lists.get_list_members_info(LIST, status="unsubscribed", count=1000)
    assert len(members["members"]) == members["total_items"] == 25
