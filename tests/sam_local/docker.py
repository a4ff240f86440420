"""What `sam local` needs of Docker: an engine that answers, Lambda's image, and the way from a container to here."""

from __future__ import annotations

import ipaddress
import json
import subprocess

from background.progress import StackError

HOST = "host.docker.internal"
"""What containers call this machine."""


def _docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)


def require_engine() -> None:
    """Make sure that an engine answers.

    Raises
    ------
    StackError
        None does.
    """
    try:
        answered = _docker("version", "--format", "{{.Server.Version}}")
    except FileNotFoundError:
        raise StackError(
            "There is no docker command.", "install Docker; all but `make sam-local` works without."
        ) from None
    if answered.returncode:
        raise StackError(f"No Docker engine answers: {answered.stderr.strip()}", "start Docker.")


def has_image(runtime: str) -> bool:
    """Return whether the image of a Lambda runtime, such as `python3.13`, is here; else sam pulls it."""
    image = f"public.ecr.aws/lambda/python:{runtime.removeprefix('python')}-x86_64"
    return _docker("image", "inspect", image).returncode == 0


def bridge_address() -> str | None:
    """Return our address on Docker's bridge; None for Docker Desktop, whose containers reach the loopback."""
    if "Desktop" in _docker("info", "--format", "{{.OperatingSystem}}").stdout:
        return None
    (bridge,) = json.loads(_docker("network", "inspect", "bridge").stdout)
    (addresses,) = bridge["IPAM"]["Config"]
    # Engines may leave the gateway to its default: the first address.
    return str(addresses.get("Gateway") or next(ipaddress.ip_network(addresses["Subnet"]).hosts()))
