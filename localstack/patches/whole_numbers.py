"""Gap: MiniStack passes a Number parameter on as text, and its polling of queues takes no such limit.

MiniStack 1.5.33 keeps `MaximumConcurrency: !Ref WorkerConcurrency` as "5", and then hands out no message at all.
Goes when: a mapping that a stack makes has its limit as a number.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

from typing import Any


def read_whole_numbers(lambda_svc: Any) -> None:
    """Read the limit of a mapping as a number.

    Parameters
    ----------
    lambda_svc
        MiniStack's module of functions, whose polling looks after the mappings, `ministack.services.lambda_svc`.
    """
    concurrency = lambda_svc._sqs_esm_concurrency

    def with_numbers(mapping: dict[str, Any], *more: Any, **options: Any) -> int:
        scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
        limit: int = concurrency({**mapping, "ScalingConfig": scaling}, *more, **options)
        return limit

    lambda_svc._sqs_esm_concurrency = with_numbers
