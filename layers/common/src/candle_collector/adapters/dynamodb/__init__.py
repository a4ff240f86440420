"""The stores, in DynamoDB."""
