"""Where the counterparts of channels are. Exercises have endpoints of a type of their own: a wall, not a habit."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from activities.pacing import Limit
from alerts.values import Value
from alerts.vocabulary import Kind


class Server(Value):
    """A counterpart that takes messages."""

    rate: float | None = Field(default=None, gt=0)
    """Messages a second that it allows all of Baken together; None: as fast as it answers."""

    def limit(self, endpoint: str) -> Limit | None:
        """Its rate, under the name that all who send there share."""
        return Limit(endpoint, self.rate) if self.rate else None


class DkimKey(Value):
    """What our mail is signed with (RFC 6376), and where in DNS the public key stands."""

    domain: str
    """That of the sender's address, or one above it: else the signature says nothing of the sender (DMARC)."""
    selector: str
    key: str
    """File of the private key in PEM: RSA of at least 2048 bits, or Ed25519."""


class MailServer(Server):
    """An SMTP server, and who the mail is from."""

    host: str
    port: int
    sender: str = "alert@baken.example"
    starttls: bool | None = None
    """None: everywhere but on this machine, the only place where mail may go unsecured."""
    authority: str | None = None
    """File of the authority whose certificate it shows; None: those that this machine trusts."""
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    dkim: DkimKey | None = None
    """None: whoever takes our mail signs it, or nobody does."""

    @property
    def secured(self) -> bool:
        """Whether a connection without TLS is of no use."""
        return not is_loopback(self.host) if self.starttls is None else self.starttls

    @property
    def domain(self) -> str:
        """Of the sender."""
        return self.sender.rpartition("@")[2].lower()

    @model_validator(mode="after")
    def _keeps_its_secrets(self) -> Self:
        if not self.secured and not is_loopback(self.host):
            raise ValueError("mail leaves this machine over STARTTLS only; take starttls = false away")
        if not self.secured and self.username:
            raise ValueError("a password goes over STARTTLS only; write starttls = true")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together; give both or neither")
        if self.dkim and not f".{self.domain}".endswith(f".{self.dkim.domain.lower()}"):
            raise ValueError(f"dkim.domain must be {self.domain}, that of the sender, or one above it")
        return self


class EmailEndpoint(MailServer):
    """Mail to the public."""


class ExerciseEmailEndpoint(MailServer):
    """Mail to those who take part in exercises; never fits where the public's belongs."""


def partner_url(url: str) -> str:
    """The address of a webhook, if one can be called; raises ValueError, which does not quote it."""
    import httpx  # noqa: PLC0415  50 ms, and few commands look at one

    try:
        parted = urlsplit(url)
        host = parted.hostname if (parted.port or 0) >= 0 and httpx.URL(url) else None
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host or parted.scheme not in ("http", "https") or parted.username:
        raise ValueError("give a whole address that begins with https://")
    if parted.scheme == "http" and not is_loopback(host):
        raise ValueError("leaves this machine unsecured; give one that begins with https://")
    return url


def partner_mail(mail: str) -> str:
    """The mail address of people at a partner; raises ValueError, which does not quote it."""
    if not _MAIL.fullmatch(mail):
        raise ValueError("is no mail address: name@host, in ASCII")
    return mail


_MAIL = re.compile(r"[!-+\--;=?A-~]+@[!-+\--;=?A-~]+")


class Partner(Value):
    """One receiver of Standard Webhooks; secrets begin with `whsec_`."""

    name: str
    url: Annotated[str, AfterValidator(partner_url)]
    secret: str = Field(repr=False)
    former_secret: str | None = Field(default=None, repr=False)
    """While it changes from one secret to the other: calls are signed with both."""
    mail: Annotated[str, AfterValidator(partner_mail)] | None = Field(default=None, repr=False)
    """Of people there who can say that an alert is gone, where its software does not."""

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret, self.former_secret) if self.former_secret else (self.secret,)


class WebhookPartner(Partner):
    """A partner that tells the public."""


class ExercisePartner(Partner):
    """A partner's system for exercises; never fits where the public's belongs."""


class CapPartner(Value):
    """One that fetches CAP messages from an address of its own, so that its silence is seen."""

    name: str
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
    """Of that address. It opens nothing that is not public."""


class AppServer(Server):
    """A gateway that brings messages to phones, as FCM does (HTTP v1), and who we are to it."""

    service_account: str
    """File of the service account that lets us, as the gateway's console gives it (JSON)."""
    url: Annotated[str, Field(pattern=r"^https://[!-.0-~]+/[!-~]*$")] | None = None
    """Where to post a message, in ASCII; None: to FCM, for the project of the service account."""
    authority: str | None = None
    """File of the authority whose certificates gateway and token service show; None: those this machine trusts."""


class AppEndpoint(AppServer):
    """The app of the public."""


class ExerciseAppEndpoint(AppServer):
    """An app for exercises; never fits where the public's belongs."""


FCM = "https://fcm.googleapis.com/v1/projects/{}/messages:send"
"""Where FCM takes messages, by project."""
CONTACT = r"^(mailto:[^\s@<>]+@[^\s@<>]+|https://[^\s/]\S*)$"
"""Where a push service can ask about us (RFC 8292 section 2.1)."""
SENDER = r"^(\+?[0-9]{3,15}|[A-Za-z0-9 ]{1,11})$"
"""A number that can be answered, or a name of at most eleven characters that cannot."""
Loopback = Literal["only", "too", "never"]
"""Whether addresses that strangers give, such as push subscriptions, may be on this machine."""


class PushSender(Server):
    """Who we are to push services; where they are stands in the subscriptions."""

    contact: Annotated[str, Field(pattern=CONTACT)]
    authority: str | None = None
    """File of the authority whose certificates they show; None: those that this machine trusts."""


class WebPushEndpoint(PushSender):
    """Browsers of the public."""


class ExerciseWebPushEndpoint(PushSender):
    """Browsers for exercises; never fits where the public's belongs."""


class SmsCentre(Server):
    """An SMS centre that speaks SMPP 3.4, who we are to it, and who messages are from."""

    host: str
    port: int
    tls: bool = False
    system_id: Annotated[str, Field(max_length=15)]
    password: Annotated[str, Field(max_length=8)]
    """SMPP has no room for more (section 4.1.1)."""
    sender: Annotated[str, Field(pattern=SENDER)] = "Baken"
    price: Decimal | None = Field(default=None, gt=0)
    """Euros for each part, to tell the approver; None: only the parts are told."""
    reference_tag: int | None = Field(default=None, ge=0x1400, le=0x3FFF)
    """Number of the parameter of its own in which this centre takes our id, by which it knows a message again."""


class SmsServer(SmsCentre):
    """The first of two SMS centres, or the only one; `rate` counts parts and holds for both together."""

    fallback: SmsCentre | None = None
    """Takes over while the first one is away."""

    @property
    def centres(self) -> tuple[SmsCentre, ...]:
        return (self, self.fallback) if self.fallback else (self,)


class SmsEndpoint(SmsServer):
    """Phones of the public."""


class ExerciseSmsEndpoint(SmsServer):
    """Phones for exercises; never fits where the public's belongs."""


class Broker(Value):
    """An MQTT 5 broker that screens listen to."""

    host: str
    port: int = 8883
    tls: bool = True
    """Without it only on this machine: what is shown and our password would cross the network in the clear."""
    authority: str | None = None
    """File of the authority whose certificate it shows; None: those that this machine trusts."""
    username: str | None = None
    password: str | None = None

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if not self.tls and not is_loopback(self.host):
            raise ValueError(f"tls = false is for this machine only, and {self.host} is another")
        return self


class SignageEndpoint(Broker):
    """Screens that the public sees."""


class ExerciseSignageEndpoint(Broker):
    """Screens for exercises; never fits where the public's belongs."""


HTTPS = r"^https://[^\s/?#]+\S*$"


class CellNetwork(Value):
    """The cell broadcast entity of one operator's network, at one or two addresses, and who we are to it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,20}$")]
    """Short: it is part of the identifier of every message, and what is kept of a network is kept under it."""
    a: Annotated[str, Field(pattern=HTTPS)]
    b: Annotated[str | None, Field(pattern=HTTPS)] = None
    """Takes over while A fails or takes long."""
    certificate: str
    """File of our certificate in PEM, with those between it and the authority that the operator trusts."""
    key: str
    """File of its private key in PEM."""
    authority: str | None = None
    """File of the authority whose certificate they show; None: those that this machine trusts."""

    @property
    def addresses(self) -> dict[str, str]:
        """By the letter under which an operator reads of each."""
        return {"A": self.a, "B": self.b} if self.b else {"A": self.a}


class LiveNetwork(CellNetwork):
    """Phones of the public."""


class ExerciseNetwork(CellNetwork):
    """A network for exercises, whose phones are in a laboratory; never fits where the public's belongs."""


N = TypeVar("N", bound=CellNetwork)


def _named_once(networks: tuple[N, ...]) -> tuple[N, ...]:
    names = [network.name for network in networks]
    if len(names) > len(set(names)):
        raise ValueError("two networks have the same name; what each was told is kept under it")
    return networks


class SocialAccount(Value):
    """An account that posts. Each language is a post of its own: together they would leave no room for the story."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^/]+$")]
    """What operators call it; of all accounts no two have the same."""
    languages: Annotated[tuple[Literal["nl", "en"], ...], Field(min_length=1)] = ("nl", "en")
    url: str
    """Of the server."""

    @property
    def host(self) -> str:
        """Whom it talks to."""
        return host_of(self.url)

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if urlsplit(self.url).scheme == "http" and not is_loopback(host_of(self.url)):
            raise ValueError("http is for this machine only; write https")
        return self


class MastodonAccount(SocialAccount):
    """`token` may read, write statuses and write media."""

    token: Annotated[str, Field(repr=False)]


class BlueskyAccount(SocialAccount):
    """`url` is that of the account's own server (PDS), `password` an app password."""

    handle: str
    password: Annotated[str, Field(repr=False)]


GENERIC = frozenset({"form", "forms", "json", "jsons", "xml", "xmls"})
"""Schemes of Apprise that talk to the host they name; all others are a service somewhere."""


class OtherAccount(SocialAccount):
    """Any service of Apprise; `url` is the address that Apprise has for it, with its secrets."""

    url: Annotated[str, Field(repr=False)]

    @property
    def host(self) -> str:
        scheme = self.url.partition(":")[0]
        return host_of(self.url) if scheme in GENERIC else f"the service {scheme} of Apprise"


AnyAccount = MastodonAccount | BlueskyAccount | OtherAccount


class SocialAccounts(Value):
    """Those that post; several of each service, if need be."""

    mastodon: tuple[MastodonAccount, ...] = ()
    bluesky: tuple[BlueskyAccount, ...] = ()
    others: tuple[OtherAccount, ...] = ()

    @property
    def all(self) -> tuple[AnyAccount, ...]:
        return (*self.mastodon, *self.bluesky, *self.others)

    @property
    def posts(self) -> dict[str, AnyAccount]:
        """By the name under which each language of an account is counted, such as `Police/nl`."""
        return {f"{account.name}/{language}": account for account in self.all for language in account.languages}

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [account.name for account in self.all]
        if len(names) != len(set(names)):
            raise ValueError("two accounts have the same name; give each its own")
        return self


class SocialEndpoint(SocialAccounts):
    """Accounts that the public follows."""


class ExerciseSocialEndpoint(SocialAccounts):
    """Accounts for exercises; never fit where the public's belong."""


class LiveChannels(Value):
    """Counterparts that reach the public."""

    cap: tuple[CapPartner, ...] = ()
    email: EmailEndpoint | None = None
    webhook: tuple[WebhookPartner, ...] = ()
    app: AppEndpoint | None = None
    webpush: WebPushEndpoint | None = None
    sms: SmsEndpoint | None = None
    cellbroadcast: Annotated[tuple[LiveNetwork, ...], AfterValidator(_named_once)] = ()
    social: SocialEndpoint | None = None
    signage: SignageEndpoint | None = None


class ExerciseChannels(Value):
    """Counterparts of exercises; never in the place of live ones."""

    email: ExerciseEmailEndpoint | None = None
    webhook: tuple[ExercisePartner, ...] = ()
    app: ExerciseAppEndpoint | None = None
    webpush: ExerciseWebPushEndpoint | None = None
    sms: ExerciseSmsEndpoint | None = None
    cellbroadcast: Annotated[tuple[ExerciseNetwork, ...], AfterValidator(_named_once)] = ()
    social: ExerciseSocialEndpoint | None = None
    signage: ExerciseSignageEndpoint | None = None


class TileServer(Value):
    """Where the console's map gets its background; the browser asks there, so it learns where one looks."""

    tiles: Annotated[str, Field(pattern=r"^https?://[^\s/{}]+/\S*$")]
    """Address of a tile, with {z}, {x} and {y}."""
    attribution: Annotated[str, Field(min_length=1, max_length=200)]
    """Whom the map must name, as plain text."""
    max_zoom: Annotated[int, Field(ge=1, le=22)] = 18

    @property
    def origin(self) -> str:
        """The one address beside our own that the form's pages may load pictures from."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}"

    @model_validator(mode="after")
    def _is_a_template(self) -> Self:
        parts = urlsplit(self.tiles)
        if any(name not in self.tiles for name in ("{z}", "{x}", "{y}")):
            raise ValueError("tiles needs {z}, {x} and {y}, such as https://tiles.example/{z}/{x}/{y}.png")
        if not re.fullmatch(r"[A-Za-z0-9.:-]+", parts.netloc):
            raise ValueError("tiles needs a plain host, and a port where it is not the usual one")
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("tiles come over https:// from everywhere but this machine")
        return self


def _contact(said: str) -> str:
    if said and not said.startswith(("mailto:", "https://")):
        raise ValueError("a contact is mailto:NAME@HOST or an address that begins with https://")
    return said


Contact = Annotated[str, AfterValidator(_contact)]


class SiteOwner(Value):
    """Who the public site is of, for those who read it."""

    operator: str = ""
    """Its name, as people know it."""
    contact: Contact = ""
    """Where it can be reached; empty: nowhere that is said."""
    security: Contact = ""
    """Where faults of security are reported; empty: at `contact`."""


class RecordTerm(Value):
    """How long the record of an alert can be read: the case, decisions, reasons and tips."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """From its closing; None: nobody said, so it is never destroyed."""


class ChannelsFile(Value):
    """What a file can say of channels, of the public site, of records and of the console's map."""

    site: SiteOwner = SiteOwner()
    record: RecordTerm = RecordTerm()
    channels: LiveChannels = LiveChannels()
    exercise: ExerciseChannels = ExerciseChannels()
    map: TileServer | None = None

    @property
    def partners(self) -> tuple[Partner, ...]:
        """Of webhooks, those of the public first."""
        return (*self.channels.webhook, *self.exercise.webhook)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        """What was said where is kept by name, and operators read nothing else of a counterpart."""
        named = [*_names(self.channels), *_names(self.exercise)]
        if twice := next((one for one in named if named.count(one) > 1), None):
            channel, what, name = twice
            raise ValueError(f"channels.{channel}, exercise.{channel}: two {what} are named {name!r}; rename one")
        return self


def _names(group: LiveChannels | ExerciseChannels) -> Iterator[tuple[str, str, str]]:
    """Channel, what it is and name of each counterpart that has a name."""
    yield from (("webhook", "partners", one.name) for one in group.webhook)
    yield from (("cellbroadcast", "networks", one.name) for one in group.cellbroadcast)
    yield from (("social", "accounts", one.name) for one in (group.social.all if group.social else ()))


class ChannelsConfig(ChannelsFile):
    """What holds in a home, which knows more than its file."""

    loopback: Loopback = "only"
    """`only` where Baken holds the approvers' keys, `too` beside the demo's counterparts, else `never`."""

    def endpoints_for(self, kind: Kind) -> LiveChannels | ExerciseChannels:
        """An exercise gets exercise counterparts and nothing else; a public test reaches everyone."""
        return self.exercise if kind is Kind.EXERCISE else self.channels


class NotOnLoopback(ValueError):
    """An embedded home holds the approvers' keys, so it may only reach this machine."""


def require_loopback(config: ChannelsFile) -> None:
    """Refuse every endpoint that is not on this machine; raises NotOnLoopback naming it."""
    for name, host in hosts(config):
        if not is_loopback(host):
            raise NotOnLoopback(
                f"{name} points to {host}, which is not on this machine. A home that holds the approvers' keys "
                "itself may only use counterparts on loopback; use a cluster of your own for real channels"
            )


def hosts(config: ChannelsFile) -> Iterator[tuple[str, str]]:
    """Of each endpoint its name in the settings, and the host it is on."""
    for group, endpoints in (("channels", config.channels), ("exercise", config.exercise)):
        if endpoints.email:
            yield f"{group}.email", endpoints.email.host
        if endpoints.app:
            yield f"{group}.app", host_of(endpoints.app.url or FCM)
        for name, centre in zip(("sms", "sms.fallback"), endpoints.sms.centres if endpoints.sms else (), strict=False):
            yield f"{group}.{name}", centre.host
        for network in endpoints.cellbroadcast:
            for letter, url in network.addresses.items():
                yield f"{group}.cellbroadcast {network.name} {letter}", host_of(url)
        for account in endpoints.social.all if endpoints.social else ():
            yield f"{group}.social {account.name}", account.host
        if endpoints.signage:
            yield f"{group}.signage", endpoints.signage.host
        for partner in endpoints.webhook:
            yield f"{group}.webhook {partner.name}", host_of(partner.url)


def host_of(url: str) -> str:
    """The host of an address; the address itself where it has none, which is then refused by name."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def is_loopback(host: str) -> bool:
    """Whether a host name or address (IPv6 without brackets) is this machine itself; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
