"""What checkov has against the translated template, but for the waivers: `make checkov`, in an environment of its own.

It exits 1 where a check fails that is not waived, and where a waiver waives nothing any more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.template.stack import PROJECT, translated

VERSION = "3.3.30"
WAIVERS: dict[str, dict[str, str]] = tomllib.loads((PROJECT / "tests/template/waivers.toml").read_text())
PARAMETERS = {"Stage": "prod"}


def main() -> int:
    """Print what fails, and the waivers that nothing needs."""
    failed = _failed()
    needless = WAIVERS["checkov"].keys() - {check["check_id"] for check in failed}
    left = [check for check in failed if check["check_id"] not in WAIVERS["checkov"]]
    for check in left:
        print(f"{check['check_id']} {check['resource']}: {check['check_name']}")
    for check_id in sorted(needless):
        print(f"{check_id} is waived in tests/template/waivers.toml, and nothing needs it.")
    print(f"{len(left)} failed, {len(failed) - len(left)} waived.")
    return 1 if left or needless else 0


def _failed() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.json"
        template.write_text(json.dumps(translated(PARAMETERS), default=str, indent=1))
        uv = [str(PROJECT / ".local/uv/bin/uv"), "tool", "run", "--quiet", "--from", f"checkov=={VERSION}", "checkov"]
        wanted = ["--file", str(template), "--framework", "cloudformation", "--output", "json", "--skip-download"]
        ended = subprocess.run([*uv, *wanted], capture_output=True, text=True, check=False)
    if not ended.stdout.lstrip().startswith("{"):
        raise SystemExit(f"checkov did not answer: {ended.stderr or ended.stdout}")
    failed: list[dict[str, Any]] = json.loads(ended.stdout)["results"]["failed_checks"]
    return failed


if __name__ == "__main__":
    sys.exit(main())
