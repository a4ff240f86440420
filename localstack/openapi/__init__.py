"""The contract of the HTTP API: models of its requests and answers, and the OpenAPI document made from them."""
