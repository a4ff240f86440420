"""Gap: MiniStack throttles no single route.

CloudFormation wants the slashes of a route in MethodSettings as `~1`; MiniStack 1.5.33 looks for a route of that name.
Goes when: `/~1api~1v3~1klines/GET` is found as the settings of `/api/v3/klines`.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

from typing import Any


def find_throttled_routes(provisioners: Any) -> None:
    """Read the names of routes as CloudFormation writes them.

    Parameters
    ----------
    provisioners
        MiniStack's module that makes a stack's resources, `ministack.services.cloudformation.provisioners`.
    """
    method_settings = provisioners._apigw_method_settings

    def with_slashes(raw: Any) -> dict[str, Any]:
        settings: dict[str, Any] = method_settings(raw)
        # From "/~1api~1v3~1klines/GET" to "/api/v3/klines/GET".
        return {key.replace("/~1", "/", 1).replace("~1", "/"): setting for key, setting in settings.items()}

    provisioners._apigw_method_settings = with_slashes
