"""The planted holes, service by service."""

from . import (authorizers, domains, events, existing, firewall, functions, grouped, http, identities, later, messages, partners,
               pools, rest, roles, served, tables)


def holes():
    services = [messages, roles, functions, pools, identities, rest, http, authorizers, grouped, firewall, later, tables, events,
                partners, served, domains, existing]
    found = [hole for service in services for hole in service.HOLES]
    names = [hole.name for hole in found]
    assert len(set(names)) == len(names), f"two holes of one name: {sorted(name for name in names if names.count(name) > 1)}"
    return found
