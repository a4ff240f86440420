"""What AWS takes, in US dollars: list prices of us-east-1 on demand, and what is free in every account.

Those that a dry run computes with are the product's own (`plan_run.PRICES`). What is free, and traces:
https://aws.amazon.com/cloudwatch/pricing/ and /xray/pricing/, from stored copies without a date. Logs and dashboards:
factualminds.com, 2026-06-13; metrics: signoz.io, 2026-02-15. Alarms, the API and storage: not looked up again.
"""

from __future__ import annotations

from candle_collector.collecting.plan_run import PRICES

WRITE_UNIT, READ_UNIT = PRICES["dynamodb_write_unit"], PRICES["dynamodb_read_unit"]
GB_SECOND, INVOCATION = PRICES["lambda_gb_second"], PRICES["lambda_request"]
GB_SECONDS_FREE, INVOCATIONS_FREE = 400_000, 1_000_000
QUEUE_REQUEST, QUEUE_REQUESTS_FREE = PRICES["sqs_request"], 1_000_000
API_CALL = 3.50 / 1_000_000
STORED_GB, BACKED_UP_GB, STORED_GB_FREE = 0.25, 0.20, 25.0
LOGS_A_GB, LOGS_FREE_GB = 0.50, 5.0
METRIC, METRICS_FREE = 0.30, 10
ALARM, ALARMS_FREE = 0.10, 10
DASHBOARD, DASHBOARDS_FREE = 3.00, 3
TRACE, TRACES_FREE = 5.00 / 1_000_000, 100_000
