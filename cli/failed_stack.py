"""A stack whose first deployment failed: CloudFormation neither updates nor replaces it, so it has to go first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from background.progress import StackError, say, step
from cli.stacks import AwsStack

NEVER_MADE = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
"""The states of a stack that was not made to the end. No deployment goes onto it, and nothing was collected in it."""
_CANCELLED = "Resource creation cancelled"
"""What CloudFormation says of each resource that it gave up because of another one."""


@dataclass(frozen=True)
class FailedStack:
    """What is left of a first deployment that failed.

    Attributes
    ----------
    status
        CloudFormation's word for its state.
    reasons
        What failed, the first first.
    tables
        The tables that it made and kept, by their names.
    """

    stack: AwsStack
    status: str
    reasons: tuple[str, ...]
    tables: tuple[str, ...]

    def describe(self) -> None:
        """Say what failed and what is left."""
        say(f"The first deployment of {self.stack.name} failed ({self.status}):")
        for reason in self.reasons:
            say(f"  {reason}")
        if self.tables:
            say(f"  left    tables {', '.join(self.tables)}, which are kept whatever happens to a stack")

    def delete(self) -> None:
        """Delete the stack, and those of its tables that are empty.

        Raises
        ------
        StackError
            CloudFormation did not delete it.
        """
        cloudformation = self.stack.client("cloudformation")
        with step(f"deleting what is left of {self.stack.name}"):
            try:
                cloudformation.delete_stack(StackName=self.stack.name)
                cloudformation.get_waiter("stack_delete_complete").wait(StackName=self.stack.name)
            except (BotoCoreError, ClientError) as error:
                raise StackError(
                    f"{self.stack.name} was not deleted: {error}.", "CloudFormation's console shows what holds it."
                ) from error
        for table in self.tables:
            self._delete_if_empty(table)

    def _delete_if_empty(self, table: str) -> None:
        dynamodb = self.stack.client("dynamodb")
        if dynamodb.scan(TableName=table, Limit=1)["Count"]:
            say(f"  kept    table {table}: it is not empty")
            return
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=table)
        dynamodb.delete_table(TableName=table)
        say(f"  gone    table {table}, which was empty")


def failed_stack(stack: AwsStack) -> FailedStack | None:
    """Return what is left of a stack that was never made; None where there is no stack, or one that works.

    Raises
    ------
    StackError
        CloudFormation does not answer, for want of credentials for instance.
    """
    cloudformation = stack.client("cloudformation")
    try:
        status = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
        if status not in NEVER_MADE:
            return None
        events = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack.name)
        reasons = tuple(reversed(list(_reasons(events))))
        resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
        return FailedStack(stack, status, reasons, tuple(_kept_tables(resources)))
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise _unanswered(stack, error) from error
    except BotoCoreError as error:
        raise _unanswered(stack, error) from error


def _reasons(pages: Any) -> Iterator[str]:
    for page in pages:
        for event in page["StackEvents"]:
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"] == "CREATE_FAILED" and not reason.startswith(_CANCELLED):
                yield f"{event['LogicalResourceId']}: {reason}"


def _kept_tables(pages: Any) -> Iterator[str]:
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            is_table = resource["ResourceType"] == "AWS::DynamoDB::Table"
            if is_table and resource["ResourceStatus"] != "DELETE_COMPLETE" and "PhysicalResourceId" in resource:
                yield resource["PhysicalResourceId"]


def _unanswered(stack: AwsStack, error: Exception) -> StackError:
    where = f" in {stack.region}" if stack.region else ""
    return StackError(
        f"CloudFormation does not answer about {stack.name}{where}: {error}.",
        "look at the credentials, the region (--region, AWS_REGION) and the profile (--profile, AWS_PROFILE).",
    )
