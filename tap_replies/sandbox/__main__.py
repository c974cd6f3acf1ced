"""The command `tap-replies-sandbox`."""

from __future__ import annotations

import argparse
import ipaddress
import json
import signal
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tap_replies.sandbox.server import LOOPBACK, Sandbox
from tap_replies.sandbox.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = {
    "conversations": "Mailchimp conversations",
    "messages": "messages of each of them",
    "lists": "audiences",
    "members": "people of each audience who unsubscribed",
    "campaigns": "campaigns",
    "unsubscribes": "opt-outs each campaign is credited with",
    "reamaze_conversations": "Re:amaze conversations",
    "reamaze_messages": "messages of each of them",
    "accounts": "Mailchimp accounts",
    "brands": "Re:amaze brands",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, after printing one line of JSON with the address."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    config_file: Path | None = options.pop("config")
    # Handlers come first: whoever reads the line below may send a signal at once.
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        switches = msgspec.json.decode(options.pop("switches"), type=dict[str, Any])
        sandbox = Sandbox(**{"latency_ms": options.pop("latency"), **switches, **options})
        sandbox.start()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    several = options["accounts"] > 1 or options["brands"] > 1
    config = sandbox.config(accounts=several)
    if config_file:
        config_file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({"url": sandbox.url, "config": config}) + "\n")
    sys.stdout.flush()
    ended.wait()
    sandbox.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-replies-sandbox",
        description="Serve Mailchimp's and Re:amaze's APIs with made-up data on loopback.",
    )
    add = parser.add_argument
    add("--host", type=_loopback, default=LOOPBACK, help="loopback address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--seed", type=int, default=1, help="number that decides the data")
    add("--now", help="moment the data ends at, ISO 8601; default: the hour that last began")
    for size in fields(Sizes):
        option = "--" + size.name.replace("_", "-")
        add(option, type=_size, default=size.default, metavar="N", help=_HELP[size.name])
    add("--latency", type=float, default=0, metavar="MS", help="time every answer takes")
    add("--switches", default="{}", metavar="JSON", help="misbehaviours, as for POST /__control")
    add("--config", type=Path, metavar="FILE", help="write the tap's configuration there")
    return parser


def _size(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _loopback(text: str) -> str:
    host = LOOPBACK if text == "localhost" else text
    try:
        is_loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is not an IPv4 loopback address")
    return host


if __name__ == "__main__":
    sys.exit(main())
