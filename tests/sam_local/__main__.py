"""`make sam-local`: every function and the API by `sam local`, held to what the local stack answers."""

from __future__ import annotations

import sys
from contextlib import nullcontext

from background.places import Places
from background.processes import free_port
from background.progress import StackError, say
from cli.collect.stack import read_stack
from localstack.deployment import stack_name
from localstack.running import LocalStack
from tests.sam_local.checks import check_api, check_functions, collected
from tests.sam_local.docker import bridge_address, has_image, require_engine
from tests.sam_local.forward import forwarded
from tests.sam_local.functions import RUNTIME, SamLocal


def main() -> int:
    """Run it; 0 if every answer is right."""
    try:
        require_engine()
        places = Places.from_environment()
        LocalStack(places).up("")
        running = read_stack(places.stack_file)
        if not has_image(RUNTIME):
            say(f"Lambda's image of {RUNTIME} is not here: sam pulls it.")
        sam = SamLocal(places, stack_name())
        sam.prepare()
        stack = collected(running.api_url, running.api_key)
        address = bridge_address()
        with forwarded(address, (places.aws_port, places.exchange_port)) if address else nullcontext():
            check_functions(sam, stack)
            check_api(sam, stack, free_port(places.api_port + 1))
    except StackError as error:
        say(str(error))
        return 1
    say("Every function answered in Lambda's image as it does on the local stack.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
