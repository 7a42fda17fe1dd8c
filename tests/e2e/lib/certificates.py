# SPDX-License-Identifier: BSD-2-Clause
"""A certificate authority of a test's own, as the README tells to make one."""

import os
import subprocess


class Authority:
    def __init__(self, lab, name="ca"):
        self.lab, self.name = lab, name
        self.cert, self._key = lab.path(name + ".pem"), lab.path(name + ".key")
        self._openssl("req", "-x509", *self._new_key(self._key), "-out", self.cert, "-days", "30",
                      "-subj", f"/CN={name} authority")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    @staticmethod
    def _new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path

    def issue(self, name, days=30):
        """(certificate, key) for that DNS name. A number of days below 0: it has expired."""
        cert, key, request = (self.lab.path(f"{self.name}-{name}.{ext}") for ext in ("pem", "key", "csr"))
        extensions = self.lab.write(f"{self.name}-{name}.ext", f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        self._openssl("req", *self._new_key(key), "-out", request, "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", cert)
        os.chmod(key, 0o600)
        return cert, key
