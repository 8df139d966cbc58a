#!/usr/bin/env python3
"""Asks a deployment whether it answers, and with the build that was deployed: `GET /health`.

  smoke.py URL RELEASE              RELEASE is the folder that release.py assembled
  smoke.py URL RELEASE NAME         connects to NAME instead of the URL's host: before its DNS record exists

Standard library only. Exits with 1 if the API does not answer, or another build does, for a minute.
"""

import hashlib
import http.client
import json
import socket
import ssl
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

# How long the gateway and a function may take to serve what was deployed last.
WAIT_SECONDS, PAUSE_SECONDS, ANSWER_SECONDS = 60, 2, 15
FUNCTION = "api-public"


class Failed(Exception):
    """The API does not serve the release."""


def digests(release):
    """SHA-256 of the program that answers /health, one for each architecture of the release."""
    found = set()
    for path in Path(release).glob(f"functions/*/{FUNCTION}-*.zip"):
        with zipfile.ZipFile(path) as archive:
            found.add(hashlib.sha256(archive.read("bootstrap")).hexdigest())
    if not found:
        raise Failed(f"{release} has no zip of {FUNCTION}")
    return found


class Connection(http.client.HTTPSConnection):
    """Connects to another name than that of the host, for which the certificate and the gateway are asked."""

    def __init__(self, host, port, address):
        super().__init__(host, port, timeout=ANSWER_SECONDS, context=ssl.create_default_context())
        self.address = address

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def ask(url, address=None):
    """The answer of /health, or why there is none."""
    parts = urlsplit(f"{url.rstrip('/')}/health")
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
    else:
        connection = Connection(parts.hostname, parts.port or 443, address or parts.hostname)
    try:
        connection.request("GET", parts.path)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status != 200:
        raise Failed(f"/health answers {reply.status}: {body[:200]!r}")
    return json.loads(body)


def check(url, release, address=None, wait_seconds=WAIT_SECONDS):
    """Returns the answer of the deployed build; raises if another one, or none, answers until the time is over."""
    expected = digests(release)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            health = ask(url, address)
            if health.get("digest") in expected:
                return health
            problem = f"another build answers: version {health.get('version')}, digest {health.get('digest')}"
        except (OSError, ValueError, http.client.HTTPException, Failed) as error:
            problem = str(error)
        if time.monotonic() > deadline:
            raise Failed(f"{url}/health: {problem}")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        print(json.dumps(check(*sys.argv[1:])))
    except Failed as error:
        sys.exit(f"error: {error}")
