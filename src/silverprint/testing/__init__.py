"""For tests, of silverprint and of plugins: a scripted provider, a clock that stands still, and the contract.

``silverprint.testing.contract`` has ProviderContract; it is the only module here that imports pytest.
"""

from __future__ import annotations

from silverprint.testing.account import GOOD_KEY
from silverprint.testing.clock import FakeClock
from silverprint.testing.provider import FakeProvider, Hold

__all__ = ["GOOD_KEY", "FakeClock", "FakeProvider", "Hold"]
