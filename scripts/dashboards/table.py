# SPDX-License-Identifier: BSD-2-Clause
"""The table of what is measured, as the program says it."""

import json
import subprocess

# Their points come in every window: where one is missing the agent did not watch. Of others, only what was not 0 comes.
EVERY_WINDOW = ("funnel", "crosstap", "crosstap_input")


class Measured:
    """`NAME.FIELD` is a field of the table."""

    def __init__(self, program):
        text = subprocess.run([program, "check", "--measurements"], capture_output=True, text=True, check=True).stdout
        self.measurements = {one["name"]: one for one in json.loads(text)["measurements"]}

    def has(self, of):
        name, field = of.split(".")
        return name in self.measurements and any(f["name"] == field for f in self.measurements[name]["fields"])

    def field(self, of):
        name, wanted = of.split(".")
        for field in self.measurements[name]["fields"]:
            if field["name"] == wanted:
                return field
        raise KeyError(f"the table has no {of}")

    def tags(self, measurement):
        return [tag["name"] for tag in self.measurements[measurement]["tags"]]

    def metric(self, of):
        """None: it is not in /metrics."""
        return self.field(of).get("metric", {}).get("name")

    def bins(self, measurement, prefixes):
        """Names of the fields that begin so; those of sizes are one field in the table."""
        return [f["name"] for f in self.measurements[measurement]["fields"] if f["name"].startswith(tuple(prefixes))]
