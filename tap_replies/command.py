"""What surrounds a run of the command: its documents, what is refused, and its exit status."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import os
import sys
from typing import IO, TYPE_CHECKING, Any, NoReturn

from singer_sdk.exceptions import ConfigValidationError

from tap_replies.errors import FileNotWritten, PipeClosed, Stopped
from tap_replies.scrub import HALF_CHARACTER, is_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import click

    from tap_replies.run import Run

GC_THRESHOLD = 100_000
"""Objects that are made before the garbage collector looks for cycles."""

MMAP_THRESHOLD = -3
"""glibc's name for what `_return_pages` sets (`malloc.h`)."""

LARGE_BYTES = 1 << 20

logger = logging.getLogger("tap-replies")


def refuse(found: Sequence[str]) -> None:
    """End the start of the run if anything was found wrong.

    Raises:
        ConfigValidationError: With one message for each thing found.
    """
    if found:
        raise ConfigValidationError(found[0], errors=[*found], schema=None)


@contextlib.contextmanager
def reporting(ctx: click.Context) -> Iterator[None]:
    """Tell what is refused, where click calls us before the SDK would tell it."""
    try:
        yield
    except ConfigValidationError as error:
        for message in error.errors:
            logger.error(message)  # noqa: TRY400 - the user's mistake, no traceback
        ctx.exit(1)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Tell that the output cannot be written, where the SDK prints to it and lets the error go."""
    if sys.stdout is None:  # Python makes none of a descriptor that is closed
        _refuse_output("it is closed")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        raise
    except OSError as error:
        # What is left of it would be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _refuse_output(error.strerror)


def _refuse_output(why: str | None) -> NoReturn:
    logger.error(
        "The standard output cannot be written (%s); make room there, or choose another", why
    )
    sys.exit(1)


def document(name: str, stream: IO[str] | None) -> dict[str, Any] | None:
    """The state or the catalog from its file.

    Raises:
        ConfigValidationError: It is no object, or no text.
    """
    if stream is None:
        return None
    found: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(stream.read())
    if not isinstance(found, dict):
        refuse([f"{name}: the file must hold a JSON object, as the tap itself writes it"])
    if not is_text(found):
        refuse([f"{name}: the file {HALF_CHARACTER}; have the tap write it anew"])
    return dict(found)


def _give_back_pages() -> None:
    """Have memory for the body of a page given back as soon as the page is done.

    glibc raises the size from which it does so with every block that is freed; then pages lie
    among what lives long, and the gaps that they leave take as much again as all that is kept.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library has no `mallopt`
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE_BYTES)


def finish(work: Callable[[], Any], run: Run, write_state: Callable[[], None]) -> None:
    """Do the work, and end the process with what it came to."""
    # Rows hold no cycles, yet the collector would look at each again and again (a third of the
    # time of a run).
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    _give_back_pages()
    try:
        work()
    except Stopped as stopped:
        logger.warning("Stopped by %s; the next run goes on from the bookmarks", stopped)
        with contextlib.suppress(PipeClosed, FileNotWritten):
            write_state()
        sys.exit(128 + stopped.signum)
    except PipeClosed:
        logger.warning("Nobody reads the output any more; the target's own log tells why")
        sys.exit(1)
    except FileNotWritten as error:
        logger.error("%s", error)  # noqa: TRY400 - the user's folder, no traceback
        sys.exit(1)
    finally:
        run.close()
    if run.failures:
        logger.error("%d failure(s), named above", len(run.failures))
        sys.exit(1)
