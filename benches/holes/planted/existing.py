"""Holes in the stack's app client in an existing user pool, which is not the stack's."""

from .pools import add_flow, loose

POOL = "Company"

HOLES = [
    loose("custom sign-in at somebody else's pool", POOL, "ExplicitAuthFlows", add_flow("ALLOW_CUSTOM_AUTH"), stack="existing",
          sets="ExplicitAuthFlows[]"),
    loose("somebody else's pool tells the stack's client who exists", POOL, "PreventUserExistenceErrors", "LEGACY",
          stack="existing"),
    loose("ID tokens of somebody else's pool are valid for a day", POOL, "IdTokenValidity",
          lambda old: {"IdTokenValidity": 24,
                       "TokenValidityUnits": {**(old.get("TokenValidityUnits") or {}), "IdToken": "hours"}},
          stack="existing", sets="IdTokenValidity|TokenValidityUnits.IdToken"),
]
