"""Makes a privacyIDEA with so many users in a folder: keys, tables, an administrator, a resolver and a realm."""

import os
import secrets
import sqlite3
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

folder, users = sys.argv[1], int(sys.argv[2])


def path(name):
    return os.path.join(folder, name)


def write(name, content):
    with open(path(name), "wb") as file:
        file.write(content)


write("enckey", secrets.token_bytes(96))
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
write("private.pem", key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
write("public.pem", key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
write("pi.cfg", f"""
SUPERUSER_REALM = ["super"]
SECRET_KEY = "{secrets.token_hex(24)}"
PI_PEPPER = "{secrets.token_hex(12)}"
PI_ENCFILE = "{path("enckey")}"
PI_AUDIT_KEY_PRIVATE = "{path("private.pem")}"
PI_AUDIT_KEY_PUBLIC = "{path("public.pem")}"
PI_ENGINE_REGISTRY_CLASS = "shared"
SQLALCHEMY_DATABASE_URI = "sqlite:///{path("pi.db")}"
PI_LOGLEVEL = 40
""".encode())

people = sqlite3.connect(path("people.db"))
people.execute("create table users (id integer primary key, username text, givenname text, surname text, email text)")
people.executemany(
    "insert into users values (?, ?, ?, ?, ?)",
    ((n, f"u{n}", f"Person {n}", "Surname", f"u{n}@example.com") for n in range(1, users + 1)))
people.execute("create index users_username on users (username)")
people.commit()

from privacyidea.app import create_app
from privacyidea.lib.auth import create_db_admin
from privacyidea.lib.realm import set_realm
from privacyidea.lib.resolver import save_resolver
from privacyidea.models import db

app = create_app(config_name="production", config_file=path("pi.cfg"), silent=True)
with app.app_context():
    db.create_all()
    create_db_admin("admin", email="admin@example.com", password="bench")
    save_resolver({
        "resolver": "people", "type": "sqlresolver", "Driver": "sqlite", "Server": "/" + path("people.db"), "Database": "",
        "Table": "users", "Limit": "500", "Editable": "0",
        "Map": '{"userid": "id", "username": "username", "givenname": "givenname", "surname": "surname", "email": "email"}',
    })
    set_realm("people", [{"name": "people"}])
print("made")
