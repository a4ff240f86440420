"""The API as its OpenAPI document promises it."""
