"""Address: the base addresses of services, and which addresses are private.

Owns the rule that plain http is for this machine and private networks only. Sending is left to ``http.py``.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urljoin, urlsplit

from silverprint.core.errors import SettingsError

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_LOCAL_ENDINGS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, also when it is an IPv4 one in IPv6 clothes."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        elif found.sixtofour is not None:
            found = found.sixtofour
    return found.is_global and not found.is_multicast


def may_be_private(host: str) -> bool:
    """Whether a host can be one of this machine or a private network, as far as its name tells."""
    host = host.rstrip(".").lower()
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(_LOCAL_ENDINGS)


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address, with the default port filled in. Raises ValueError."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https address")
    return scheme, parts.hostname.rstrip(".").lower(), parts.port or (443 if scheme == "https" else 80)


def resolved(base: str, link: str) -> str:
    """A link that may be relative, as an address. One that can be no address stays as it is; nothing is raised."""
    try:
        return urljoin(base, link)
    except ValueError:
        return link


def check_base(url: object, *, where: str) -> str:
    """A base address from the settings, without a slash at its end. ``where`` names the setting.

    Raises SettingsError for what is no address, carries a name or a password, or is plain http to a host that
    is neither this machine nor on a private network.
    """
    text = url.strip().rstrip("/") if isinstance(url, str) else ""
    try:
        scheme, host, _ = origin(text)
        parts = urlsplit(text)
        bare = not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        bare, scheme, host = False, "", ""
    if not bare or not text.isprintable() or " " in text:
        raise SettingsError(
            f"{where} is not an address.",
            fix=f"Set {where} to something like https://host or http://127.0.0.1:9001.",
        )
    if scheme == "http" and not may_be_private(host):
        raise SettingsError(
            f"{where} is plain http to {host}, and a key would travel in the open.",
            fix="Use https; plain http is for this machine and private networks.",
        )
    return text
