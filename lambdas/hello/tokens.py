"""Checks tokens of a Cognito user pool: signature, algorithm, issuer, expiry, and for which client they were made."""

import jwt

# Seconds that the clocks of Cognito and of this function may differ by.
LEEWAY = 5


class Unauthorized(Exception):
    """The token opens nothing here. The text says why, without quoting it."""


def issuer(region, pool):
    """Who the tokens of a pool say made them. Hosts in China have another ending than those of all other regions."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{pool}"


class Tokens:
    """Tokens of one pool, made for one of its clients."""

    def __init__(self, region, pool, client, endpoint=None, keys=None):
        self.client = client
        self.issuer = issuer(region, pool)
        base = f"{endpoint.rstrip('/')}/{pool}" if endpoint else self.issuer
        # The pool's public keys: fetched when a token first names one, kept for a day, and fetched again for a key that
        # is not among them, as after a rotation.
        self.keys = keys or jwt.PyJWKClient(
            f"{base}/.well-known/jwks.json", cache_keys=True, lifespan=24 * 3600, timeout=3
        )

    def check(self, token):
        """The claims of a token that is good.

        Raises Unauthorized for every other token, and whatever keeps the keys from being read.
        """
        if not token:
            raise Unauthorized("no token")
        try:
            # Before a key is looked for, so that what is not ours causes no request.
            if jwt.get_unverified_header(token).get("alg") != "RS256":
                raise Unauthorized("not signed by RS256")
            key = self.keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token,
                key.key,
                # Never what the token says: `none` and the public key as an HMAC secret are the oldest of tricks.
                algorithms=["RS256"],
                issuer=self.issuer,
                leeway=LEEWAY,
                # The audience stands in different claims; see below.
                options={"require": ["exp", "iat", "iss", "sub", "token_use"], "verify_aud": False},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthorized(type(error).__name__) from None
        # An ID token says whom it is for in `aud`, an access token in `client_id`.
        claim = "aud" if claims["token_use"] == "id" else "client_id" if claims["token_use"] == "access" else None
        if claim is None or claims.get(claim) != self.client:
            raise Unauthorized("made for another client")
        return claims

    @staticmethod
    def user(claims):
        """The user's name, which the two kinds of token keep in different claims too."""
        return claims.get("cognito:username") or claims.get("username") or claims["sub"]
