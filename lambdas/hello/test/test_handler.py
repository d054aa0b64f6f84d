"""Tests of the function: it accepts only valid tokens, and never says why it refuses a token."""

import base64
import json
import sys
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

sys.path.insert(0, str(Path(__file__).parent.parent))

import handler as function  # noqa: E402 - it is beside its tests' folder
from tokens import Tokens, Unauthorized, issuer  # noqa: E402

REGION, POOL, CLIENT = "eu-central-1", "eu-central-1_aBcDeFgHi", "1h57kf5cpq17m0eml12EXAMPLE"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Keys:
    """The pool's keys without a network, behind the interface of PyJWT's client."""

    def __init__(self):
        self.asked = 0

    def get_signing_key_from_jwt(self, token):
        self.asked += 1
        if jwt.get_unverified_header(token).get("kid") != "ours":
            raise jwt.PyJWKClientError("no such key")
        return SimpleNamespace(key=OURS.public_key())


def claims(**others):
    """The claims of a valid ID token, changed by `others`. A claim with the value None is left out."""
    now = int(time.time())
    good = {
        "sub": "6f1a", "iss": ISSUER, "aud": CLIENT, "token_use": "id", "iat": now, "exp": now + 300,
        "cognito:username": "ada",
    }
    return {name: value for name, value in (good | others).items() if value is not None}


def signed(payload, key=OURS, kid="ours", algorithm="RS256"):
    """A signed token with this payload."""
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid})


def part(value):
    """A part of a token made by hand."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Harness:
    """The handler, and the lines it logged."""

    def __init__(self, keys=None):
        self.keys, self.lines = keys or Keys(), []
        tokens = Tokens(REGION, POOL, CLIENT, keys=self.keys)
        self.handler = function.make_handler(tokens, self.lines.append)

    def call(self, token, scheme="Bearer "):
        """A request of payload format 2.0 with this token."""
        event = {"version": "2.0", "headers": {"authorization": f"{scheme}{token}"}}
        return self.handler(event, SimpleNamespace(aws_request_id="request-1"))


class GoodTokens(unittest.TestCase):
    """Tokens that the function accepts."""

    def greets(self, token, scheme="Bearer "):
        answer = Harness().call(token, scheme)
        self.assertEqual(answer["statusCode"], 200)
        self.assertEqual(json.loads(answer["body"]), {"message": "Hello, authenticated user!", "user": "ada"})

    def test_an_id_token_of_the_pool_for_the_client(self):
        self.greets(signed(claims()))

    def test_an_access_token_which_names_its_client_elsewhere(self):
        access = {"token_use": "access", "aud": None, "client_id": CLIENT, "cognito:username": None, "username": "ada"}
        self.greets(signed(claims(**access)))

    def test_the_scheme_in_any_case_or_left_out(self):
        for scheme in ["Bearer ", "bearer ", "BEARER  ", ""]:
            self.greets(signed(claims()), scheme)

    def test_one_that_expired_within_the_leeway(self):
        self.greets(signed(claims(exp=int(time.time()) - 2)))


class BadTokens(unittest.TestCase):
    """Tokens that the function refuses without a reason."""

    def test_each_gets_401_and_nothing_else(self):
        good = signed(claims())
        head, body, signature = good.split(".")
        flipped = signature[:-8] + ("A" if signature[-8] != "A" else "B") + signature[-7:]
        public = OURS.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        table = {
            "no token": "",
            "garbage": "garbage",
            "three parts of garbage": "a.b.c",
            "not ASCII": "ä.ö.ü",
            "a NUL": "\0",
            "a tampered signature": f"{head}.{body}.{flipped}",
            "no signature": f"{head}.{body}.",
            "another body": f"{head}.{part(claims(sub='other'))}.{signature}",
            "alg none": f"{part({'alg': 'none', 'kid': 'ours'})}.{body}.",
            "alg None": f"{part({'alg': 'None', 'kid': 'ours'})}.{body}.",
            "no alg": f"{part({'kid': 'ours'})}.{body}.{signature}",
            "the public key as a secret": ".".join(hmac_with(public, claims())),
            "RS512": signed(claims(), algorithm="RS512"),
            "another pool's key": signed(claims(), key=THEIRS),
            "a key nobody knows": signed(claims(), key=THEIRS, kid="theirs"),
            "expired": signed(claims(exp=int(time.time()) - 60)),
            "without an end": signed(claims(exp=None)),
            "issued by another pool": signed(claims(iss=ISSUER[:-1] + "j")),
            "issued by nobody": signed(claims(iss=None)),
            "issued by the pool with a slash": signed(claims(iss=ISSUER + "/")),
            "for another client": signed(claims(aud="2other")),
            "for several clients": signed(claims(aud=[CLIENT, "2other"])),
            "for nobody": signed(claims(aud=None)),
            "an access token for another client": signed(claims(token_use="access", client_id="2other")),
            "an access token with our client in the wrong claim": signed(claims(token_use="access")),
            "a refresh token's use": signed(claims(token_use="refresh")),
            "no use": signed(claims(token_use=None)),
            "a use that is no text": signed(claims(token_use=7)),
            "a list of uses": signed(claims(token_use=["id"])),
            "not valid yet": signed(claims(nbf=int(time.time()) + 600)),
        }
        for what, token in table.items():
            with self.subTest(what):
                harness = Harness()
                answer = harness.call(token)
                self.assertEqual((answer["statusCode"], json.loads(answer["body"])), (401, {"message": "Unauthorized"}))
                if len(token) > 8:
                    self.assertNotIn(token, "".join(harness.lines))
                    self.assertNotIn(token.split(".")[-1][:20] or "?", "".join(harness.lines))

    def test_requests_without_a_header_or_without_anything(self):
        for event in [None, {}, {"headers": None}, {"headers": {}}, {"headers": {"authorization": None}}, [], "x"]:
            with self.subTest(event):
                self.assertEqual(Harness().handler(event, None)["statusCode"], 401)

    def test_what_is_not_signed_by_rs256_causes_no_request_for_keys(self):
        harness = Harness()
        harness.call(f"{part({'alg': 'none'})}.{part(claims())}.")
        harness.call("garbage")
        self.assertEqual(harness.keys.asked, 0)


class Trouble(unittest.TestCase):
    """If the pool's keys cannot be read, every token is refused without a reason."""

    def test_no_keys_is_500(self):
        class Unreachable:
            def get_signing_key_from_jwt(self, token):
                raise jwt.PyJWKClientConnectionError("SENTINEL http://10.0.0.1")

        harness = Harness(Unreachable())
        answer = harness.call(signed(claims()))
        self.assertEqual((answer["statusCode"], json.loads(answer["body"])), (500, {"message": "Internal server error"}))
        self.assertNotIn("SENTINEL", "".join(harness.lines) + answer["body"])

    def test_a_key_that_does_not_fit_is_a_refusal(self):
        with self.assertRaises(Unauthorized):
            Tokens(REGION, POOL, CLIENT, keys=Keys()).check(signed(claims(), kid="theirs"))


class Where(unittest.TestCase):
    """The address of the pool's keys."""

    def test_the_pools_own_address_or_the_emulators(self):
        self.assertEqual(Tokens(REGION, POOL, CLIENT).keys.uri, f"{ISSUER}/.well-known/jwks.json")
        local = Tokens(REGION, POOL, CLIENT, endpoint="http://127.0.0.1:4566/")
        self.assertEqual(local.keys.uri, f"http://127.0.0.1:4566/{POOL}/.well-known/jwks.json")
        self.assertEqual(local.issuer, ISSUER)

    def test_the_log_is_json_with_the_request(self):
        harness = Harness()
        harness.call(signed(claims()))
        line = json.loads(harness.lines[0])
        self.assertEqual((line["level"], line["requestId"], line["message"]), ("INFO", "request-1", "Greeted"))
        self.assertNotIn("ada", harness.lines[0])


def hmac_with(public, payload):
    """A token signed with HMAC by the public key, made by hand since PyJWT refuses to."""
    import hashlib
    import hmac

    head, body = part({"alg": "HS256", "kid": "ours"}), part(payload)
    mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return head, body, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Issuers(unittest.TestCase):
    def test_a_pool_is_the_issuer_by_the_host_that_its_region_has(self):
        for region, host in [
            ("eu-central-1", "cognito-idp.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "cognito-idp.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ]:
            self.assertEqual(issuer(region, "pool"), f"https://{host}/pool")
            self.assertEqual(Tokens(region, "pool", CLIENT).issuer, f"https://{host}/pool")


if __name__ == "__main__":
    unittest.main()
