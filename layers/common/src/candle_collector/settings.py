"""The settings of the functions: each environment variable with its default and its bounds, defined once.

template.yaml repeats defaults and bounds in its parameters, because CloudFormation checks values before it deploys
anything. tests/template/test_settings_table.py compares every parameter with this table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar, overload

from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import dates
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.notify_addresses import MailAddress, WebhookAddress, mail_address, webhook_address
from candle_collector.domain.schedule import EXPRESSION
from candle_collector.domain.universe import QUOTES_MOST, as_quote_assets
from candle_collector.errors import SettingError

EXCHANGE_HOSTS = (
    "data-api.binance.vision",
    "api.binance.com",
    "api-gcp.binance.com",
    "api1.binance.com",
    "api2.binance.com",
    "api3.binance.com",
    "api4.binance.com",
)
"""Binance's hosts for market data (rest-api.md, "General API Information")."""
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "host.docker.internal")
"""A simulated exchange on this machine; Docker's name for it is what a function in a container uses."""
_NO_PROXY_HOSTS = (*LOOPBACK_HOSTS, "::1")
VISIBILITY_PER_TIMEOUT = 6
"""How many worker timeouts a message stays hidden: AWS's advice for a queue that a function polls."""

_WORKER_TIMEOUTS = (5, 10, 20, 30, 60, 120, 300, 900)
T = TypeVar("T")


def _escaped(hosts: tuple[str, ...]) -> str:
    return "|".join(host.replace(".", r"\.") for host in hosts)


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which no proxy stands between parts of the archive that run on one machine.

    A proxy that the environment names is for the wide world, and keeps the rest of it; every library that asks over
    HTTP reads these two. Each program applies them to its own environment where it starts, so that its calls, and the
    programs that it starts, need no rule of their own.
    """
    named = [environment.get(name, "") for name in ("NO_PROXY", "no_proxy")]
    hosts = [host.strip() for text in named for host in text.split(",") if host.strip()]
    text = ",".join(dict.fromkeys([*hosts, *_NO_PROXY_HOSTS]))
    return {"NO_PROXY": text, "no_proxy": text}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One environment variable, read from `Settings` as an attribute.

    Attributes
    ----------
    name
        The variable. The template's parameter has the same words: TOP_N_CRYPTOS is TopNCryptos.
    convert
        Makes the value of an accepted text; it may refuse the text with a ValueError.
    takes
        What the variable takes, for the message that refuses a value.
    default
        The text where the environment has none. None for what a stack alone knows, such as a table's name.
    least, most
        The bounds of a whole number.
    choices
        The only texts that are accepted.
    pattern
        What the whole text must match.
    at_home
        Whether it is for an archive at home alone; a stack has it nowhere.
    """

    name: str
    convert: Callable[[str], T]
    takes: str
    default: str | None = None
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    at_home: bool = False

    @overload
    def __get__(self, settings: None, owner: type) -> Self: ...

    @overload
    def __get__(self, settings: Settings, owner: type) -> T: ...

    def __get__(self, settings: Settings | None, owner: type) -> Self | T:
        """Return the value in the environment of the settings.

        Raises
        ------
        SettingError
            It is not set, or it is not accepted.
        """
        return self if settings is None else self.read(settings.environment)

    def read(self, environment: Mapping[str, str]) -> T:
        """Return the value in an environment.

        Raises
        ------
        SettingError
            It is not set, or it is not accepted.
        """
        text = environment.get(self.name, self.default)
        if text is None:
            raise SettingError(f"{self.name} is not set; template.yaml gives it to the functions that need it")
        refusal = SettingError(f"{self.name} is {text!r}; it takes {self.takes}")
        if not self._accepts(text):
            raise refusal
        try:
            return self.convert(text)
        except ValueError:
            raise refusal from None

    def _accepts(self, text: str) -> bool:
        if self.least is not None and self.most is not None:
            return bool(re.fullmatch(r"\d{1,9}", text, re.ASCII)) and self.least <= int(text) <= self.most
        if self.choices:
            return text in self.choices
        return self.pattern is None or re.fullmatch(self.pattern, text) is not None


def _number(name: str, least: int, most: int, default: int | None = None, *, at_home: bool = False) -> Setting[int]:
    takes = f"a whole number from {least} to {most}"
    text = None if default is None else str(default)
    return Setting(name, int, takes, text, least=least, most=most, at_home=at_home)


def _seconds(name: str, choices: tuple[int, ...], default: int) -> Setting[int]:
    texts = tuple(map(str, choices))
    return Setting(name, int, f"seconds, one of {', '.join(texts)}", str(default), choices=texts)


def _flag(name: str, default: str = "true") -> Setting[bool]:
    return Setting(name, lambda text: text == "true", "true or false", default, choices=("true", "false"))


def _name(name: str) -> Setting[str]:
    return Setting(name, str, "the name or the address of a resource of the stack", pattern=".+")


def _intervals(names: str) -> tuple[Interval, ...]:
    return tuple(sorted({interval_named(name) for name in names.split(",")}))


def _separated(assets: str) -> frozenset[str]:
    return frozenset(assets.split(","))


def _secret(name: str, value: str, file: str) -> str:
    """Return a secret that stands in the environment, or in a file that it names; empty where it is not set.

    Raises
    ------
    SettingError
        Both places have one, or the file cannot be read.
    """
    if value and file:
        raise SettingError(f"{name} and {name}_FILE are both set; set one of them")
    if not file:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingError(f"{name}_FILE names {file}, which cannot be read: {type(error).__name__}") from None


_LIST_OF_INTERVALS = "^({0})(,({0}))*$".format("|".join(map(str, BINANCE.intervals)))


class Settings:
    """Every setting by name. A function reads only those that it needs.

    Parameters
    ----------
    environment
        The variables, such as `os.environ`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    stage = Setting("STAGE", str, "local, dev or prod", "dev", choices=("local", "dev", "prod"))

    # What the stack makes
    candles_table = _name("CANDLES_TABLE")
    runs_table = _name("RUNS_TABLE")
    keys_table = _name("KEYS_TABLE")
    collect_queue_url = _name("COLLECT_QUEUE_URL")
    # How many workers run at once. The bounds are those of SQS.
    worker_concurrency = _number("WORKER_CONCURRENCY", 2, 1000, default=5)

    # Where an archive at home keeps everything; empty on AWS. The database refuses what it cannot use itself, as the
    # text may hold a password, which a message of `read` would repeat.
    database_url = Setting("DATABASE_URL", str, "the URL of a database", "", at_home=True)
    # In how many processes they run: a process has one core's worth of Python. Where one core only may be used, 1.
    worker_processes = _number("WORKER_PROCESSES", 1, 16, default=2, at_home=True)

    # What is collected
    top_n = _number("TOP_N_CRYPTOS", 1, 500, default=100)
    intervals = Setting(
        "INTERVALS",
        _intervals,
        f"intervals separated by commas without spaces, of {', '.join(map(str, BINANCE.intervals))}",
        "1h",
        pattern=_LIST_OF_INTERVALS,
    )
    # The top N are ranked in each of them.
    quote_assets = Setting(
        "QUOTE_ASSETS",
        lambda text: as_quote_assets(text.split(",")),
        f"up to {QUOTES_MOST} quote assets in capitals, each once, with commas and no spaces between, such as USDT,BTC",
        "USDT",
        pattern=r"^(?!(.*,)?([A-Z0-9]+)(,.*)?,\2(,.*)?$)[A-Z0-9]{1,20}(,[A-Z0-9]{1,20}){0,19}$",
    )
    excluded_base_assets = Setting(
        "EXCLUDED_BASE_ASSETS",
        _separated,
        "base assets separated by commas without spaces, such as USDC,EUR",
        ",".join(sorted(BINANCE.pegged_assets)),
        pattern=r"^[^,\s]{1,20}(,[^,\s]{1,20})*$",
    )
    keep_stored_symbols = _flag("KEEP_STORED_SYMBOLS")
    # The day from which candles are collected where a request names no start.
    collection_start = Setting(
        "COLLECTION_START_DATE",
        dates.start_of,
        f"a day of the calendar such as 2025-01-01, in {BINANCE.first_year} or later",
        "2025-01-01",
        # The calendar's days: four divides every leap year from 2017 to 2099.
        pattern=r"^20((1[7-9]|[2-9][0-9])-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
        r"|02-(0[1-9]|1[0-9]|2[0-8]))|([2468][048]|[3579][26])-02-29)$",
    )

    # When
    collection_schedule = Setting(
        "COLLECTION_SCHEDULE",
        str,
        "an expression such as cron(5 0/6 * * ? *) or rate(6 hours)",
        "cron(5 0/6 * * ? *)",
        pattern=f"^{EXPRESSION}$",
    )
    gap_fill_schedule = Setting(
        "GAP_FILL_SCHEDULE",
        str,
        "an expression such as cron(35 3 ? * SUN *) or rate(7 days), or nothing",
        "cron(35 3 ? * SUN *)",
        pattern=f"^{EXPRESSION}?$",
    )
    schedules_enabled = _flag("SCHEDULES_ENABLED")
    # AWS's alarm has this bound; where it is 0, the schedule gives one
    stale_after_hours = _number("STALE_AFTER_HOURS", 0, 400, default=0)
    run_deadline_hours = _number("RUN_DEADLINE_HOURS", 1, 24, default=5)

    # How the exchange is asked
    _exchange_base_url = Setting(
        "EXCHANGE_BASE_URL",
        str,
        "https and one of Binance's hosts for market data, such as https://data-api.binance.vision, "
        "or http://127.0.0.1:PORT in the local stage",
        f"https://{EXCHANGE_HOSTS[0]}",
        pattern=f"^(https://({_escaped(EXCHANGE_HOSTS)})|http://({_escaped(LOOPBACK_HOSTS)}):[1-9][0-9]{{1,4}})$",
    )
    # Percent of the exchange's limit that all workers together use: the rest is for others behind the same address.
    weight_share_percent = _number("EXCHANGE_WEIGHT_SHARE", 1, 80, default=80)
    # The most candles that a request asks for, of whatever interval.
    batch_size = _number("BATCH_SIZE", 1, BINANCE.rows_most, default=BINANCE.rows_most)
    # 3 are four attempts, after 2, 4 and 8 s. Five retries wait 30 s, half of a worker's minute.
    max_retries = _number("MAX_RETRIES", 0, 5, default=3)
    worker_timeout = _seconds("WORKER_TIMEOUT", _WORKER_TIMEOUTS, default=60)
    queue_visibility = _seconds(
        "QUEUE_VISIBILITY", tuple(VISIBILITY_PER_TIMEOUT * timeout for timeout in _WORKER_TIMEOUTS), default=360
    )

    # Who may call
    api_key_required = _flag("API_KEY_REQUIRED")
    # Whether the routes of Binance's shape answer callers that send no key.
    public_reads = _flag("PUBLIC_READS", default="false")
    # The origin whose pages may read the API's answers in a browser; empty for none.
    dashboard_origin = Setting(
        "DASHBOARD_ORIGIN",
        str,
        "an origin such as https://candles.example.org, or nothing",
        "",
        pattern=r"^(https://[a-z0-9.-]+(:[1-9][0-9]{1,4})?|http://(localhost|127\.0\.0\.1):[1-9][0-9]{1,4})?$",
    )

    # Who is notified by an archive at home. Those that may hold a secret have no pattern, which a refusal would repeat.
    notify_runs = Setting(
        "NOTIFY_RUNS", str, "failed, partial or all", "partial", choices=("failed", "partial", "all"), at_home=True
    )
    _notify_webhook_url = Setting("NOTIFY_WEBHOOK_URL", str, "the URL of a webhook", "", at_home=True)
    _notify_webhook_secret = Setting("NOTIFY_WEBHOOK_SECRET", str, "a header's value", "", at_home=True)
    _notify_webhook_secret_file = Setting("NOTIFY_WEBHOOK_SECRET_FILE", str, "the path of a file", "", at_home=True)
    _notify_email = Setting(
        "NOTIFY_EMAIL", str, "a mail address, or nothing", "", pattern=r"^([^@\s]+@[^@\s]+)?$", at_home=True
    )
    _notify_smtp_url = Setting("NOTIFY_SMTP_URL", str, "the URL of a mail server", "", at_home=True)
    _notify_smtp_url_file = Setting("NOTIFY_SMTP_URL_FILE", str, "the path of a file", "", at_home=True)

    @property
    def notify_webhook(self) -> WebhookAddress | None:
        """The webhook that is notified; None where none is.

        Raises
        ------
        SettingError
            It is named in part, or in a way that cannot be used.
        """
        url = self._notify_webhook_url
        authorization = _secret("NOTIFY_WEBHOOK_SECRET", self._notify_webhook_secret, self._notify_webhook_secret_file)
        if authorization and not url:
            raise SettingError("NOTIFY_WEBHOOK_SECRET is set, and NOTIFY_WEBHOOK_URL is not; set both, or neither")
        try:
            return webhook_address(url, authorization) if url else None
        except ValueError as error:
            raise SettingError(str(error)) from None

    @property
    def notify_mail(self) -> MailAddress | None:
        """Who is notified by mail; None where nobody is.

        Raises
        ------
        SettingError
            As `notify_webhook`.
        """
        recipient = self._notify_email
        server = _secret("NOTIFY_SMTP_URL", self._notify_smtp_url, self._notify_smtp_url_file)
        if bool(recipient) != bool(server):
            raise SettingError(
                "NOTIFY_EMAIL and NOTIFY_SMTP_URL are both set, or neither: one names who, the other by what"
            )
        try:
            return mail_address(server, recipient) if recipient else None
        except ValueError as error:
            raise SettingError(str(error)) from None

    @property
    def exchange_base_url(self) -> str:
        """The exchange's address; one on this machine is accepted in the local stage alone.

        Raises
        ------
        SettingError
            It is not one of Binance's, or not local in the local stage.
        """
        url = self._exchange_base_url
        if self.stage != "local" and not url.startswith("https://"):
            raise SettingError(f"EXCHANGE_BASE_URL is {url!r}, which only the local stage takes")
        return url


def given(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say something: an empty one counts as unset, as make and containers pass those so.

    GAP_FILL_SCHEDULE is the exception: it alone takes nothing where its default is something, and never starts then.
    """
    return {name: text for name, text in environment.items() if text or name == Settings.gap_fill_schedule.name}
