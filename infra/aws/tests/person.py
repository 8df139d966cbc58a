"""A person who logs in as the dashboard does: authorization code with PKCE, at the emulator's login page."""

import base64
import hashlib
import html
import re
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

from reply import ask


class Person:
    """A user of the pool in front of a browser. The emulator at `url` serves the paths of the login's domain."""

    def __init__(self, url, name, password):
        self.url, self.name, self.password = url, name, password
        self.verifier = f"NEVERLEAK-{secrets.token_urlsafe(40)}"

    def get(self, endpoint, fields):
        return ask("GET", f"{self.url}{urlsplit(endpoint).path}?{urlencode(fields)}")

    def post(self, endpoint, fields):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return ask("POST", self.url + urlsplit(endpoint).path, headers, urlencode(fields).encode())

    def authorize(self, settings, redirect, **changes):
        """The answer to the start of a login."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code", "client_id": settings["client_id"], "redirect_uri": redirect, "state": "state",
            "scope": " ".join(settings["scopes"]), "code_challenge": challenge, "code_challenge_method": "S256"}
        return self.get(settings["authorization_endpoint"], {**fields, **changes})

    def log_in(self, settings, redirect):
        """The tokens of a complete login."""
        page = self.authorize(settings, redirect)
        assert page.status == 200, page.body
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.body.decode())
        fields = {name: html.unescape(value) for name, value in hidden}
        answer = self.post("/login", {**fields, "username": self.name, "password": self.password})
        assert answer.status == 302, answer.body
        location = answer.headers["Location"]
        assert location.startswith(redirect), location
        query = parse_qs(urlsplit(location).query)
        assert query["state"] == ["state"], location
        tokens = self.exchange(settings, redirect, query["code"][0])
        assert tokens.status == 200, tokens.body
        return tokens.json

    def exchange(self, settings, redirect, code):
        return self.post(settings["token_endpoint"], {
            "grant_type": "authorization_code", "client_id": settings["client_id"], "redirect_uri": redirect,
            "code": code, "code_verifier": self.verifier})

    def renew(self, settings, token):
        return self.post(settings["token_endpoint"], {
            "grant_type": "refresh_token", "client_id": settings["client_id"], "refresh_token": token})

    def log_out(self, settings, redirect):
        return self.get(settings["end_session_endpoint"], {"client_id": settings["client_id"], "logout_uri": redirect})
