"""E-mail by SMTP: plain text and HTML, with headers that keep the messages of an incident in one thread."""

from __future__ import annotations

import hashlib
import html
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import ClassVar

from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations.notice_text import DOUBLED, LOUD, cut, label, plain
from tidegate.model import Notice
from tidegate.ports import NotifierCapabilities, Option, Place, Sending

ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")
SECURITY = ("starttls", "tls", "none")
SUBJECT = 200


class EmailNotifier:
    """`email:oncall@example.com`, or several addresses with commas between them."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=True,
        dedupes=False,
        per_minute=30,
        guarantee="at least once; one that was cut off is sent again with the same Message-ID, which most mailboxes show once",
    )
    options: ClassVar = (
        Option(name="host", about="the SMTP server", default="${SMTP_HOST}"),
        Option(name="port", about="its port", default="587"),
        Option(name="security", about="starttls (default), tls, or none", default="starttls"),
        Option(name="user", about="the user to log in as; nobody logs in without it"),
        Option(name="password", about="the user's password", secret=True),
        Option(name="sender", about="the address it comes from; default: `tidegate@` and the recipient's domain"),
    )

    def __init__(self, place: Place) -> None:
        self._to = [_address(part) for part in place.address.split(",")]
        self._sender = _address(place.options.get("sender") or f"tidegate@{self._to[0].domain}")
        self._host, self._security = place.options["host"], place.options["security"]
        if self._security not in SECURITY:
            raise TargetError(f"`security: {self._security}` is unknown", hint=f"use one of {', '.join(SECURITY)}")
        if not place.options["port"].isdecimal() or not 0 < int(place.options["port"]) < 65_536:
            raise TargetError(f"`port: {place.options['port']}` is no port", hint="587 with starttls, 465 with tls")
        self._port = int(place.options["port"])
        self._login = _login(place.options, self._security)

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        first = sending.receipt.get("message_id")
        message = self._message(notice, first)
        with explained(self._host), self._connection(sending.timeout_s) as server:
            refused = server.send_message(message, self._sender.addr_spec, [to.addr_spec for to in self._to])
        if refused:
            said = ", ".join(f"`{who}`: {code} {_text(why)}" for who, (code, why) in refused.items())
            raise DeliveryError(f"some recipients were refused: {said}", transient=False)
        return {"message_id": first or str(message["Message-ID"]), "subject": str(message["Subject"])}

    @contextmanager
    def _connection(self, timeout_s: float) -> Iterator[smtplib.SMTP]:
        """A connection that is as safe as was asked for."""
        if self._security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=timeout_s, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=timeout_s)
        with server:
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._login is not None:
                server.login(*self._login)
            yield server

    def _message(self, notice: Notice, first: str | None) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        domain = self._sender.domain
        own = _id(notice.key if first else notice.thread, domain)
        message["From"], message["To"] = Address("Tidegate", addr_spec=self._sender.addr_spec), self._to
        message["Subject"] = _header(cut(f"[{label(notice)}] {notice.headline}", SUBJECT))
        message["Date"], message["Message-ID"] = notice.at, own
        if first is not None:
            message["In-Reply-To"] = message["References"] = first
        message["Auto-Submitted"], message["X-Tidegate-Key"] = "auto-generated", _header(notice.key)
        if notice.kind in LOUD:
            message["Importance"] = "high"
        message.set_content(plain(notice) + "\n")
        message.add_alternative(page(notice), subtype="html")
        return message


def _login(options: Mapping[str, str], security: str) -> tuple[str, str] | None:
    """Whom to log in as; a password goes through nothing but TLS."""
    if "user" not in options:
        return None
    if security == "none" or "password" not in options:
        hint = "write `password: ${SMTP_PASSWORD}` beside `user`, and `security: starttls` or `tls`"
        raise TargetError("a user needs a password, and a password needs TLS", hint=hint)
    return options["user"], options["password"]


def _address(text: str) -> Address:
    said = text.strip()
    if not ADDRESS.fullmatch(said):
        raise TargetError(f"`{said}` is no e-mail address", hint="write `email:oncall@example.com`")
    return Address(addr_spec=said)


def _id(name: str, domain: str) -> str:
    return f"<{hashlib.sha256(name.encode()).hexdigest()[:32]}@{domain}>"


def _header(text: str) -> str:
    """One line: data in a header may not begin another one."""
    return " ".join(text.split())


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


@contextmanager
def explained(host: str) -> Iterator[None]:
    """Turn what smtplib raises into DeliveryError: a reply that begins with 4 passes, one with 5 does not (RFC 5321)."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        said = ", ".join(f"`{who}`: {code} {_text(why)}" for who, (code, why) in error.recipients.items())
        passing = all(400 <= code < 500 for code, _ in error.recipients.values())
        raise DeliveryError(f"every recipient was refused: {said}", transient=passing) from None
    except smtplib.SMTPResponseException as error:
        passing = 400 <= error.smtp_code < 500
        raise DeliveryError(f"`{host}` says {error.smtp_code} {_text(error.smtp_error)}", transient=passing) from None
    except smtplib.SMTPNotSupportedError as error:
        hint = "use `security: tls`, or `security: none` in a network that you trust"
        raise DeliveryError(f"`{host}`: {error}", transient=False, hint=hint) from None
    except ssl.SSLCertVerificationError as error:
        hint = "let SSL_CERT_FILE name the certificate of your own authority"
        raise DeliveryError(f"`{host}` is not trusted: {error.verify_message}", transient=False, hint=hint) from None
    except (OSError, smtplib.SMTPException) as error:
        said = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise DeliveryError(f"`{host}` could not be reached: {said}", transient=True) from None


def page(notice: Notice) -> str:
    """The message as HTML that needs nothing from outside."""
    rows = "".join(
        f'<tr><td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">{html.escape(name)}</td>'
        f"<td>{html.escape(text)}</td></tr>"
        for name, text in (("news", notice.news), *notice.facts)
    )
    run = "\n".join(map(html.escape, notice.commands))
    links = "".join(f'<p><a href="{html.escape(url)}">{html.escape(title)}</a></p>' for title, url in notice.links)
    note = f"<p><small>{DOUBLED}</small></p>" if notice.again else ""
    return (
        f'<html><body style="font-family:sans-serif"><p style="color:#666">{html.escape(label(notice))}</p>'
        f'<h3 style="margin:0">{html.escape(notice.headline)}</h3><table>{rows}</table>'
        f'<pre style="background:#f4f4f4;padding:8px">{run}</pre>{links}{note}</body></html>\n'
    )
