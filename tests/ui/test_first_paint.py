"""What stands on the screen first needs no service: a fresh interpreter is asked what it loaded by then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "PIL", "numpy", "onnxruntime", "httpx", "keyring", "tomlkit", "stamina", "sqlite3", "tinydb",
    "textual_image", "replicate", "fal_client",
}  # fmt: skip

SCRIPT = """
import asyncio, json, os, sys
from silverprint.settings.draft import load_draft
from silverprint.settings.load import read_settings
from silverprint.settings.paths import find_paths
from silverprint.ui import terminal
terminal.look(os.environ)
from silverprint.studio import Studio
from silverprint.ui.app import SilverprintApp

paths = find_paths(os.environ)
settings, _ = read_settings(paths, os.environ)
seen = {}

class Watched(SilverprintApp):
    def _begin(self):
        seen["modules"] = sorted({name.partition(".")[0] for name in sys.modules})
        seen["text"] = "".join(
            segment.text for strip in self.screen._compositor.render_strips() for segment in strip
        )
        self.exit()

async def main():
    app = Watched(Studio(paths, settings), draft=load_draft(paths.draft))
    async with app.run_test(size=(120, 40)):
        while not seen:
            await asyncio.sleep(0.01)

asyncio.run(main())
print(json.dumps(seen))
"""


def test_the_draft_is_painted_before_anything_heavy_is_loaded(home: Path) -> None:
    draft = home / "state" / "draft.json"
    draft.parent.mkdir(parents=True)
    draft.write_text(json.dumps({"v": 1, "prompt": "a red fox", "seed": 77, "screen": {"title": "Pocket"}}))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SILVERPRINT_HOME": str(home)},
        timeout=60,
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    assert set(seen["modules"]) & HEAVY == set()
    for words in ("a red fox", "77", "Pocket"):
        assert words in seen["text"]
