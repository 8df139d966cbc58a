"""An HTTPS proxy for the emulator, with an authority created for one run, to measure what a first call costs.

On AWS every call is HTTPS; the emulators use plain HTTP. The certificate has a 2048-bit RSA key, like most of AWS's
endpoints. Functions find the authority by SSL_CERT_FILE.
"""

import socket
import ssl
import subprocess
import threading
from urllib.parse import urlsplit

IDLE_SECONDS = 60  # without data from either side


class Authority:
    """An authority in `folder`, and a certificate from it for this machine."""

    def __init__(self, folder):
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        ca_key, request, extensions = folder / "ca.key", folder / "server.csr", folder / "server.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="ascii")
        new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"]
        self._openssl(*new, "/CN=MRT bench", "-x509", "-days", "1", "-keyout", ca_key, "-out", self.ca)
        self._openssl(*new, "/CN=localhost", "-keyout", self.key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
                      "-days", "1", "-extfile", extensions, "-out", self.certificate)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class TlsFront:
    """Terminates TLS for the server at `url`. A context manager; its own address is `url`."""

    def __init__(self, authority, url):
        parts = urlsplit(url)
        self.server = (parts.hostname, parts.port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate, authority.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.handshakes = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        """Copies one connection in both directions until either side closes it."""
        try:
            with socket.create_connection(self.server, IDLE_SECONDS) as plain, \
                    self.context.wrap_socket(connection, server_side=True) as secret:
                self.handshakes += 1
                for each in (plain, secret):
                    each.settimeout(IDLE_SECONDS)
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=self._copy, args=(plain, secret), daemon=True)
                back.start()
                self._copy(secret, plain)
                back.join()
        except OSError:
            connection.close()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other direction ends too

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.listener.close()
