"""What the models of the API are made of: moments, symbols, ids, and models that know no other members."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DAY_PATTERN = r"^20(1[7-9]|[2-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
MOMENT_PATTERN = DAY_PATTERN[:-1] + r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
DATE_PATTERN = DAY_PATTERN[:-1] + r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$"
RUN_ID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"
DECIMAL_PATTERN = r"^[0-9]{1,20}\.[0-9]{8,}$"

Day = Annotated[str, Field(pattern=DAY_PATTERN, examples=["2025-01-31"])]
Moment = Annotated[str, Field(pattern=MOMENT_PATTERN, examples=["2025-01-31T06:00:00Z"])]
Date = Annotated[str, Field(pattern=DATE_PATTERN, examples=["2025-01-31", "2025-01-31T06:00:00Z"])]
RunId = Annotated[str, Field(pattern=RUN_ID_PATTERN, examples=["01KBSM0000ABCDEFGHJKMNPQRS"])]
# Binance lists names that are not ASCII; which letters those may hold no pattern tells briefly.
Symbol = Annotated[str, Field(min_length=1, max_length=20, examples=["BTCUSDT"])]
Decimal = Annotated[str, Field(pattern=DECIMAL_PATTERN, examples=["93548.80000000"])]
Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[int, Field(ge=0, examples=[1735689600000], description="ms since 1970 UTC")]


class Model(BaseModel):
    """A JSON object that has these members and no others, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)
