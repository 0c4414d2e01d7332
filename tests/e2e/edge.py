# SPDX-License-Identifier: GPL-2.0-only
"""The scene of most end-to-end tests: a sender, a router that filters, a scrubber.

    sender  up0 ---- xg0  router  xg-scrub ---- sc0  scrubber
"""

import random

import netlab

ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8:100::1"
SENDER4, SENDER6 = "198.51.100.2", "2001:db8:100::2"
VICTIM4 = "198.51.100.7"  # the host whose traffic is redirected


class Edge(netlab.Lab):
    """Namespaces and links of the scene. No address is set until somebody asks: only what
    a test sends shall be on the wire."""

    def __init__(self, mtu=1500):
        super().__init__()
        self.mtu = mtu

    def __enter__(self):
        super().__enter__()
        try:
            self.sender = self.namespace("sender")
            self.router = self.namespace("router")
            self.scrubber = self.namespace("scrubber")
            self.veth(self.sender, "up0", self.router, "xg0", mtu=self.mtu)
            self.veth(self.router, "xg-scrub", self.scrubber, "sc0", mtu=self.mtu)
        except BaseException:
            self.close()
            raise
        return self

    def add_addresses(self):
        """Addresses at both ends of the wire, and neighbours that need no asking."""
        self.sender.add_address("up0", f"{SENDER4}/24", f"{SENDER6}/64")
        self.router.add_address("xg0", f"{ROUTER4}/24", f"{ROUTER6}/64")
        for address in (ROUTER4, ROUTER6):
            self.neighbour(self.sender, "up0", address, self.router, "xg0")
        for address in (SENDER4, SENDER6):
            self.neighbour(self.router, "xg0", address, self.sender, "up0")

    def shoot(self, *streams, device="up0", options=()):
        """Send streams at the router; returns what was sent."""
        return self.send(self.sender, device, *streams, options=options)

    def gate(self, policy, **options):
        return self.daemon(self.router, policy, **options)


class TwoWires(Edge):
    """The scene with a second wire from the sender: up1 ---- xg1."""

    def __enter__(self):
        super().__enter__()
        try:
            self.veth(self.sender, "up1", self.router, "xg1")
        except BaseException:
            self.close()
            raise
        return self


def country_lists(lab, names=("cl", "cy", "cz")):
    """Paths of three country lists, or None if the data is not at hand."""
    paths = [netlab.DATA / "geo" / f"{name}.txt" for name in names]
    if not all(path.exists() for path in paths):
        return None
    return {path.stem: lab.write(f"lists/{path.name}", path.read_text()) for path in paths}


def made_up_lists(lab, names=("aa", "bb", "cc"), size=2000, seed=1):
    """The like with prefixes drawn at random: none is in two lists or holds another."""
    draw = random.Random(seed)
    lists = {}
    v4 = draw.sample(range(1 << 14), size * len(names))  # /18s from 64.0.0.0 on
    v6 = draw.sample(range(1 << 20), size * len(names))  # /40s from 2400:: on
    for i, name in enumerate(names):
        lines = [f"# made up list {name}"]
        for n in v4[i * size:(i + 1) * size]:
            length = draw.randint(18, 32)
            address = (64 << 24) + (n << 14)
            lines.append("%d.%d.%d.%d/%d" % (*address.to_bytes(4, "big"), length))
        for n in v6[i * size:(i + 1) * size]:
            lines.append("%x:%x:%x::/%d" % (0x2400 + (n >> 8 >> 16), n >> 8 & 0xffff,
                                            (n & 0xff) << 8, draw.randint(40, 64)))
        lists[name] = lab.write(f"lists/{name}.txt", "\n".join(lines) + "\n")
    return lists


def list_policy(lists, management, scrub="xg-scrub"):
    """Deny these lists, pass management, redirect one host."""
    sets = "".join(f"  {name}: {{file: lists/{path.name}}}\n" for name, path in lists.items())
    denials = "".join(f"      - {{name: deny-{name}, match: {{src: ${name}}}, do: drop}}\n"
                      for name in lists)
    return f"""
interfaces:
  transit: {{port: xg0, policy: edge, mode: native, required: true}}
sets:
  mgmt: [{", ".join(f'"{p}"' for p in management)}]
{sets}policies:
  edge:
    default: pass
    rules:
      - {{name: mgmt, match: {{src: $mgmt}}, do: pass}}
{denials}      - {{name: seen, match: {{dst: 198.51.100.0/26}}, do: count}}
      - {{name: scrub, match: {{dst: {VICTIM4}}}, do: {{redirect: {scrub}}}}}
"""
