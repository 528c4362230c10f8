"""Addresses: the environment's over the settings', and shown without what may be secret in them."""

from __future__ import annotations

from typing import Any

from silverprint.settings.addresses import Address, addresses, kind_of, own_servers, provider_table


def test_the_environment_is_put_over_the_settings() -> None:
    providers = {"fal": {"queue_url": "https://one", "api_url": "https://two", "answer_s": 5}}
    environ = {
        "SILVERPRINT_FAL_QUEUE_URL": " http://127.0.0.1:9002 ",
        "SILVERPRINT_FAL_API_URL": "",
        "SILVERPRINT_FAL_KEY": "k",
        "SILVERPRINT_BFL_URL": "https://bfl",
    }
    assert provider_table("fal", providers, environ) == {
        "queue_url": "http://127.0.0.1:9002",
        "api_url": "https://two",
        "answer_s": 5,
    }
    assert provider_table("bfl", providers, environ) == {"url": "https://bfl"}
    assert addresses("fal", providers, environ) == [
        Address(what="api_url", shown="https://two", where="settings"),
        Address(what="queue_url", shown="http://127.0.0.1:9002", where="SILVERPRINT_FAL_QUEUE_URL"),
    ]
    assert addresses("gemini", providers, environ) == []


def test_an_address_is_shown_without_its_secrets() -> None:
    providers = {
        "home": {"kind": "bfl", "url": "http://me:sk-hidden@10.0.0.1:81/v1?key=sk-hidden#sk-hidden"},
        "odd": {"url": "sk-hidden"},
        "worse": {"url": "http://[sk-hidden"},
    }
    assert addresses("home", providers, {})[0].shown == "http://10.0.0.1:81/v1"
    assert addresses("odd", providers, {})[0].shown == "no address"
    assert "sk-hidden" not in addresses("worse", providers, {})[0].shown


def test_own_servers_are_tables_that_name_their_kind() -> None:
    providers: dict[str, dict[str, Any]] = {
        "home": {"kind": "bfl"},
        "a:b": {"kind": "bfl"},
        "fal": {"kind": "fal"},
        "bfl": {"kind": 3},
    }
    assert own_servers(providers) == ["home"]
    assert [kind_of(name, providers) for name in ("home", "fal", "bfl", "nobody")] == [
        "bfl",
        "fal",
        "bfl",
        "nobody",
    ]
