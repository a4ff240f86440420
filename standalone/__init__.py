"""The archive on one machine: the functions, their queue, schedules and API in one server, without AWS."""
