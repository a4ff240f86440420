"""Kills, full disks, locked files and servers that go away, in the middle of runs: nothing is lost (`make kills`)."""
