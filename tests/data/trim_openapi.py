"""Write mailchimp-responses.json: the schemas of the answers that the sandbox gives.

Run it with the path of Mailchimp's OpenAPI description (version 3.0.85 was used).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PATHS = (
    "/",
    "/ping",
    "/conversations",
    "/conversations/{conversation_id}",
    "/conversations/{conversation_id}/messages",
    "/campaigns",
    "/campaigns/{campaign_id}",
    "/reports",
    "/reports/{campaign_id}",
    "/reports/{campaign_id}/sub-reports",
    "/reports/{campaign_id}/unsubscribed",
    "/reports/{campaign_id}/unsubscribed/{subscriber_hash}",
    "/lists",
    "/lists/{list_id}",
    "/lists/{list_id}/members",
    "/lists/{list_id}/members/{subscriber_hash}",
    "/lists/{list_id}/members/{subscriber_hash}/activity-feed",
    "/automations",
    "/automations/{workflow_id}/emails",
    "/reporting/surveys",
    "/reporting/surveys/{survey_id}/responses",
    "/reporting/surveys/{survey_id}/responses/{response_id}",
)
KEPT = {"type", "properties", "items", "enum", "format", "oneOf", "anyOf", "allOf", "required"}
# additionalProperties is wrong in the description: merge fields need not be objects.


def resolved(schema: Any, root: dict[str, Any], *, names: bool = False) -> Any:  # noqa: ANN401
    """Return a schema with its references filled in and everything but constraints dropped."""
    if isinstance(schema, list):
        return [resolved(one, root) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: resolved(one, root) for name, one in schema.items()}
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        return resolved(target, root)
    return {
        word: resolved(value, root, names=word == "properties")
        for word, value in schema.items()
        if word in KEPT
    }


def main() -> None:
    """Read the description named on the command line and write the file beside this script."""
    root = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = {
        path: resolved(
            root["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"],
            root,
        )
        for path in PATHS
    }
    problem = root["components"]["schemas"]["ProblemDetailDocument"]
    answers["problem"] = resolved(problem, root)
    target = Path(__file__).with_name("mailchimp-responses.json")
    target.write_text(json.dumps(answers, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
