"""TapReplies: settings, accounts, streams and exit status."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import PluginBase
from typing_extensions import override

from tap_replies import checks, command, inputs, privacy, sdk_settings, settings
from tap_replies.accounts import Accounts
from tap_replies.limits import Clock, Limits, SystemClock
from tap_replies.output import MessageWriter
from tap_replies.replies import Replies
from tap_replies.run import Run
from tap_replies.sources import SOURCES
from tap_replies.times import utc_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import IO

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

    from tap_replies.source import Account, Source
    from tap_replies.stream import ApiStream

SECONDS_TO_END = 3

logger = logging.getLogger("tap-replies")


class TapReplies(Tap):
    """What customers answer in Mailchimp and Re:amaze, whole and in one shape."""

    name = "tap-replies"
    message_writer_class = MessageWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    sources: ClassVar[Sequence[Source]] = SOURCES
    config_jsonschema: ClassVar[dict[str, Any]] = settings.config_jsonschema(SOURCES)
    clock: Clock = SystemClock()

    @override
    def __init__(self, **options: Any) -> None:
        """Make the tap; nothing is asked of any API before a stream is read.

        Raises:
            ConfigValidationError: A setting, the catalog or the state is wrong.
        """
        # Its warnings and debug logs quote URLs, and so filters that may be addresses.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        self.accounts: list[Account] = []
        self._reads_environment = bool(options.get("parse_env_config"))
        try:
            super().__init__(**options)
        except (ValueError, RecursionError):
            command.refuse(self._environment_problems())
            raise
        if self.input_catalog is not None:
            command.refuse(list(inputs.catalog_problems(self.input_catalog, self._kinds())))
            for message in (
                *inputs.unread(self.input_catalog, self._accounts_by_stream()),
                *inputs.left_unread(self.input_catalog, self.config.get("only") or {}),
            ):
                logger.warning(message)

    @cached_property
    def run(self) -> Run:
        """What all streams of this run share."""
        limits = {source.name: self._limits(source) for source in self.sources}
        run = Run(self.accounts, limits, self.clock)
        for stream in self.streams.values():
            if isinstance(stream, Replies):
                run.listen = stream.listen
        return run

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings; unlike the SDK's, the messages quote no value and say what to do."""
        self.append_builtin_config(self.config_jsonschema)
        known = self.config_jsonschema["properties"]
        for message in checks.unknown(self._config, known):
            logger.warning(message)
        for name, definition in known.items():
            if "default" in definition and self._config.get(name) is None:
                self._config[name] = definition["default"]
        kinds = self._kinds()
        found = checks.problems(self._config, self.sources)
        if not found:
            if privacy.hashes_with_credentials(self._config):
                logger.warning(privacy.HASHES_WITH_CREDENTIALS)
            self.accounts = list(settings.configured(self._config, self.sources))
            only = self._config.get("only") or {}
            found += inputs.only_problems(only, kinds, self._accounts_by_stream())
        own = {setting.name for setting in settings.all_settings(self.sources)}
        added = {name: known[name] for name in known.keys() - own}
        found += sdk_settings.problems(self._config, added, kinds)
        if self._reads_environment:
            found = [*self._environment_problems(), *found]
        if raise_errors:
            command.refuse(found)
        return found

    @override
    def setup_mapper(self) -> None:
        """Prepare the stream maps; streams that must be selected are still read by `--test`.

        Raises:
            ConfigValidationError: One of them cannot be understood.
        """
        kinds = self._kinds() if self.input_catalog is None else {}
        try:
            PluginBase.setup_mapper(self)
            inputs.register(self.mapper, self.catalog, kinds)
        except (MappingError, ValueError) as error:
            command.refuse([sdk_settings.mapper_problem(error, self.config)])

    @classmethod
    def _environment_problems(cls) -> list[str]:
        cls.append_builtin_config(cls.config_jsonschema)
        prefix = f"{cls.name.upper().replace('-', '_')}_"
        return list(checks.environment_problems(os.environ, prefix, cls.config_jsonschema))

    def _limits(self, source: Source) -> Limits:
        most, wanted = source.most_connections, self.config["max_connections"]
        return Limits(
            max_connections=min(wanted, most or wanted),
            max_requests_per_minute=self.config.get("max_requests_per_minute"),
            learns_quota=most is None,
            request_timeout=self.config["request_timeout"],
            retry_seconds=self.config["retry_seconds"],
            user_agent=self.config.get("user_agent") or f"{self.name}/{self.plugin_version}",
        )

    @override
    def discover_streams(self) -> list[ApiStream]:
        """The streams of the configured sources, or of all sources if none is configured."""
        configured = {account.source.name for account in self.accounts}
        streams: list[ApiStream] = [Accounts(tap=self)]
        for source in self.sources:
            if not configured or source.name in configured:
                for kind in source.streams():
                    stream = kind(tap=self)
                    stream.source = source
                    streams.append(stream)
        return [*streams, Replies(tap=self)]

    @property
    @override
    def streams(self) -> dict[str, Stream]:
        """The streams in the order in which sources declare them, which the SDK would sort.

        What one has read may serve those after it, `replies` above all.
        """
        if self._streams is None:
            found = super().streams
            order = [*self._kinds(), *found]
            self._streams = {name: found[name] for name in order if name in found}
        return self._streams

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the bookmarks of an earlier run.

        Raises:
            ConfigValidationError: The state is not one of this tap.
        """
        now = utc_at(self.clock.time())
        found = inputs.state_problems(state, self._kinds(), now, self._accounts_by_stream())
        command.refuse(list(found))
        super().load_state(state)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Ask the run to end, where the SDK would end the process with exit status 0 at once."""
        if "run" not in self.__dict__ or self.run.stop.event.is_set():
            os._exit(128 + signum)
        # A target that takes nothing more would keep the last STATE, and so the process, for ever.
        watchdog = threading.Timer(SECONDS_TO_END, os._exit, [128 + signum])
        watchdog.daemon = True
        watchdog.start()
        self.run.stop.signum = signum
        self.run.stop.event.set()

    def _accounts_by_stream(self) -> dict[str, int]:
        """How many accounts each stream is read from."""
        counts = Counter(account.source.name for account in self.accounts)
        found = {inputs.name_of(kind): len(self.accounts) for kind in (Accounts, Replies)}
        for source in self.sources:
            found |= {inputs.name_of(kind): counts[source.name] for kind in source.streams()}
        return found

    def _kinds(self) -> dict[str, type[ApiStream]]:
        """All stream classes, of sources that are not configured too."""
        kinds: list[type[ApiStream]] = [Accounts]
        for source in self.sources:
            kinds += source.streams()
        kinds.append(Replies)
        return {inputs.name_of(kind): kind for kind in kinds}

    # Command line

    @classmethod
    @override
    def invoke(  # type: ignore[override] # the SDK's own subclass overrides it likewise
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap; the exit status tells whether everything was read."""
        if about:
            with command.printing():
                cls.print_about(about_format)
            return
        logger.info("%s %s", cls.name, cls.plugin_version)
        tap = cls._from_command_line(config, state, catalog)
        tap.finish(tap.sync_all)

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """`--config`: files of settings, or `ENV`."""
        for name in value:
            if name != "ENV" and (problem := inputs.file_problem(name)):
                raise click.BadParameter(problem)
        return super().cb_config(ctx, param, value)

    @classmethod
    @override
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        """`--discover` writes the catalog."""
        with command.reporting(ctx), command.printing():
            super().cb_discover(ctx, param, value)

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """`--test` reads one record of each stream, `--test=schema` only writes the schemas."""
        if value == "disabled":
            return
        if value not in {"all", "schema"}:
            raise click.BadParameter("must be all, which is the default, or schema")
        is_schema = value == "schema"
        config = ctx.params["config"]
        with command.reporting(ctx):
            tap = cls._from_command_line(config, None, None, needs_account=not is_schema)
        tap.finish(tap.write_schemas if is_schema else tap.run_connection_test)
        ctx.exit()

    def finish(self, work: Callable[[], Any]) -> None:
        """Do the work, and end the process with what it came to."""
        # Records may wait for a file to be full, which the state in memory does not know.
        write, is_in_files = self.state_writer.write_state, bool(self.config.get("batch_config"))
        command.finish(work, self.run, lambda: None if is_in_files else write(self.state))

    @classmethod
    def _from_command_line(
        cls,
        config: Any,  # noqa: ANN401 - the SDK's own class, which is private
        state: IO[str] | None,
        catalog: IO[str] | None,
        *,
        needs_account: bool = True,
    ) -> TapReplies:
        documents = {
            "state": command.document("state", state),
            "catalog": command.document("catalog", catalog),
        }
        if documents["catalog"] is not None and not inputs.is_catalog(documents["catalog"]):
            command.refuse(["catalog: is no Singer catalog; let --discover write one"])
        tap = cls(config=config.config, parse_env_config=config.parse_env, **documents)
        if needs_account and not tap.accounts:
            command.refuse([settings.missing_everything(cls.sources)])
        return tap
