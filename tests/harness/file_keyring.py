"""A keyring in a file, for tests: as a backend of the real `keyring` package, chosen by PYTHON_KEYRING_BACKEND."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Keeps everything in the file that TEST_KEYRING names; without it, as unusable as a locked keyring."""

    priority = 1
    name = "a file for tests"

    @property
    def file(self):
        return Path(os.environ["TEST_KEYRING"])

    def entries(self):
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def get_password(self, service, username):
        return self.entries().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self.file.write_text(json.dumps({**self.entries(), f"{service}/{username}": password}))

    def delete_password(self, service, username):
        entries = self.entries()
        if f"{service}/{username}" not in entries:
            raise PasswordDeleteError(username)
        del entries[f"{service}/{username}"]
        self.file.write_text(json.dumps(entries))
