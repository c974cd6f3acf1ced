"""What can go wrong while reading, named for what is done about it.

TapRepliesError
├── AccountError        the account cannot go on, the others do
├── StreamRefusedError  the account may not read this stream: it is skipped
├── GoneError           the object is gone: it is skipped
├── RequestFailedError  one request failed for good: its stream fails, the others go on
├── ResultMismatchError fewer records than promised: the stream fails, its bookmark stays
└── StreamMapError      the user's stream map fails on a record: so does its stream

What ends the run at once is no such error:

Stopped         the user or the system asked the run to end
PipeClosed      nobody reads its output
FileNotWritten  the place for the output, or for batch files, takes none
"""

from __future__ import annotations

import re
import signal
import traceback
from pathlib import PurePath

MOST_WORDS = 200


class TapRepliesError(Exception):
    """An error with a message that is fit for the user: no body, address or secret in it."""


class AccountError(TapRepliesError):
    """The account cannot be read any further; other accounts go on."""


class StreamRefusedError(TapRepliesError):
    """The account's plan or role does not allow this stream; other streams go on."""

    def advice(self, stream: str, account_id: str, *, is_partial: bool) -> str:
        """What is left out, why, and what to do."""
        what = "read in part" if is_partial else "skipped"
        message = (
            f"{stream}: {what} for account {account_id}: {self}. The plan or the user's role does "
            "not allow it; deselect it, or use a credential that may read it"
        )
        if is_partial:
            message += ". The bookmark stays, so that what was refused can be read once it may be"
        return message


class GoneError(TapRepliesError):
    """The object asked for does not exist any more."""


Refusal = GoneError | StreamRefusedError
"""What stops one object, but not those beside it."""


class RequestFailedError(TapRepliesError):
    """A request failed after all retries; the stream's bookmark stays where it was."""


class ResultMismatchError(TapRepliesError):
    """The API holds more than could be read, and `on_count_mismatch` is `fail`."""


class StreamMapError(TapRepliesError):
    """An expression of the setting `stream_maps` could not be computed for a record."""


class Stopped(BaseException):
    """The run was asked to end by a signal."""

    def __init__(self, signum: int) -> None:
        """Remember the signal, which decides the exit status."""
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class PipeClosed(BaseException):
    """Nobody reads the tap's output any more."""


class FileNotWritten(BaseException):
    """Output or a batch file could not be written: the run ends, as its rows are nowhere."""


def unforeseen(error: Exception) -> str:
    """What to say of a fault of the tap's own: its kind and place, as its text may quote a row."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(place.filename).name}, line {place.lineno}"
    return f"a fault of the tap ({type(error).__name__} in {where}); please report it"


def masked(text: str) -> str:
    """A vendor's own words without what may be personal or secret in them, at most 200 characters.

    Addresses become `<address>`; runs of 20 or more hexadecimal digits (keys, hashes of
    addresses, tokens) become `<id>`.
    """
    text = re.sub(r"[^\s<>()\"',;:]+@[^\s<>()\"',;:]+", "<address>", " ".join(text.split()))
    text = re.sub(r"[0-9a-fA-F]{20,}(-[a-z]{2,4}\d+)?", "<id>", text)
    return text if len(text) <= MOST_WORDS else text[: MOST_WORDS - 1] + "…"
