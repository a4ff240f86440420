"""The ports in memory: what the adapters do, without a network. The contract suites hold both to the same promises."""
