"""A certificate authority for one test run, and invalid server certificates."""

import datetime
import ipaddress
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .signing import private_key

_DAY = datetime.timedelta(days=1)


class Authority:
    """Issue server certificates into `folder`; `bundle` is the file for REQUESTS_CA_BUNDLE."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = private_key("authority")
        self._name = _common_name("Test authority")
        self.bundle = folder / "authority.pem"
        made = _builder(self._name, self._name, self._key, 0, 1).add_extension(x509.BasicConstraints(True, 0), True)
        made = made.add_extension(_KEY_USAGE, critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self.bundle.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def tls(
        self, host: str = "127.0.0.1", *, from_day: float = -1, to_day: float = 1, self_signed: bool = False
    ) -> ssl.SSLContext:
        """Return a server's context with a certificate for `host`, valid between these days from now."""
        key, name = private_key("server"), _common_name(host)
        issuer, signer = (name, key) if self_signed else (self._name, self._key)
        names = x509.SubjectAlternativeName([_general_name(host)])
        # Python 3.13 rejects a certificate without its issuer's key identifier (RFC 5280 4.2.1.1).
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        made = _builder(name, issuer, key, from_day, to_day).add_extension(names, critical=False)
        made = made.add_extension(issuer_key, critical=False)
        path = self._folder / "server.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + made.sign(signer, SHA256()).public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def only_tls_1_0(context: ssl.SSLContext) -> ssl.SSLContext:
    """Limit the context of a server or client to TLS 1.0 and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the deprecated version is the purpose
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    return context


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    name: x509.Name, issuer: x509.Name, key: RSAPrivateKey, from_day: float, to_day: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + from_day * _DAY - datetime.timedelta(minutes=5))
        .not_valid_after(now + to_day * _DAY)
    )
