# SPDX-License-Identifier: BSD-2-Clause
"""Which of some networks has an address, the longest, one by one: nothing of a tree."""

import ipaddress


def by_length(networks):
    """(network, value) of {text: value}, the shortest first."""
    return sorted(((ipaddress.ip_network(n), value) for n, value in networks.items()),
                  key=lambda pair: pair[0].prefixlen)


class Lookup:
    """The value of the longest network; `unknown` without one."""

    def __init__(self, networks, unknown=None):
        self.networks, self.unknown, self.known = by_length(networks)[::-1], unknown, {}

    def __call__(self, address):
        if address not in self.known:
            self.known[address] = next((value for network, value in self.networks if address in network), self.unknown)
        return self.known[address]
