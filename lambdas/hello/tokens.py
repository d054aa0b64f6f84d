"""Checks tokens of a Cognito user pool: signature, algorithm, issuer, expiry and client."""

import jwt

# By how many seconds the clocks of Cognito and of this function may differ.
LEEWAY = 5


class Unauthorized(Exception):
    """The token is not valid here. The text says why, without quoting the token."""


def issuer(region, pool):
    """The issuer of a pool's tokens. Hosts in China have another suffix than those of all other regions."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{pool}"


class Tokens:
    """Checks tokens that one pool issued for one of its app clients."""

    def __init__(self, region, pool, client, endpoint=None, keys=None):
        self.client = client
        self.issuer = issuer(region, pool)
        base = f"{endpoint.rstrip('/')}/{pool}" if endpoint else self.issuer
        # The pool's public keys: fetched when a token first names one, kept for a day, and fetched again if a token names
        # another key, as after a rotation.
        self.keys = keys or jwt.PyJWKClient(
            f"{base}/.well-known/jwks.json", cache_keys=True, lifespan=24 * 3600, timeout=3
        )

    def check(self, token):
        """The claims of a valid token.

        Raises Unauthorized for every other token, and PyJWKClientConnectionError if the keys cannot be read.
        """
        if not token:
            raise Unauthorized("no token")
        try:
            # Checked before a key is fetched, so that tokens of other issuers cause no request.
            if jwt.get_unverified_header(token).get("alg") != "RS256":
                raise Unauthorized("not signed by RS256")
            key = self.keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token,
                key.key,
                # Never the algorithm that the token names: `none`, and HMAC with the public key, are well-known attacks.
                algorithms=["RS256"],
                issuer=self.issuer,
                leeway=LEEWAY,
                # The audience is in different claims: see below.
                options={"require": ["exp", "iat", "iss", "sub", "token_use"], "verify_aud": False},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthorized(type(error).__name__) from None
        # An ID token names its client in `aud`, an access token in `client_id`.
        claim = "aud" if claims["token_use"] == "id" else "client_id" if claims["token_use"] == "access" else None
        if claim is None or claims.get(claim) != self.client:
            raise Unauthorized("made for another client")
        return claims

    @staticmethod
    def user(claims):
        """The user's name. ID tokens and access tokens have it in different claims."""
        return claims.get("cognito:username") or claims.get("username") or claims["sub"]
