"""What MiniStack lacks, a file a gap: each says what would make it go, and fails where MiniStack has changed.

A patch replaces a function by its name, and reads the one that was there first, so a name that is gone is an error when
the local stack starts. tests/unit/test_emulator_patches.py looks for every name in the MiniStack that is installed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from localstack.patches.condition_keys import share_condition_keys
from localstack.patches.function_logs import FunctionLogs, write_logs_at_once
from localstack.patches.gateway_responses import import_gateway_responses
from localstack.patches.route_throttling import find_throttled_routes
from localstack.patches.schedule_time import fill_in_scheduled_time
from localstack.patches.shared_layers import SharedLayers, share_layers
from localstack.patches.sqs_batches import allow_batches
from localstack.patches.whole_numbers import read_whole_numbers


def apply(*, layers: Path, logs: Path) -> None:
    """Apply every patch to the MiniStack of this process.

    Parameters
    ----------
    layers
        Where unpacked layers go.
    logs
        Where the functions' logs go.
    """
    services = "ministack.services"
    runtime = import_module("ministack.core.lambda_runtime")
    import_gateway_responses(import_module(f"{services}.apigateway_v1"))
    find_throttled_routes(import_module(f"{services}.cloudformation.provisioners"))
    allow_batches(import_module("ministack.core.iam_actions"))
    share_condition_keys(import_module("ministack.core.iam_actions"))
    read_whole_numbers(import_module(f"{services}.lambda_svc"))
    fill_in_scheduled_time(import_module(f"{services}.eventbridge"))
    share_layers(runtime, import_module(f"{services}.lambda_svc"), SharedLayers(layers))
    write_logs_at_once(runtime, FunctionLogs(logs))  # never closed: what functions write last comes after all else
