"""The server side of SRP-6a as Cognito implements it. Pure mathematics, without state.

Source: RFC 5054 (the 3072-bit group) and RFC 2945, with Cognito's padding and key derivation, as AWS's own clients
(amazon-cognito-identity-js) compute them.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

N = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
G = 2
_KEY_INFO = b"Caldera Derived Key"
_KEY_BYTES = 16
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIMESTAMP = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d\d):(\d\d):(\d\d) UTC (\d{4})", re.ASCII)


@dataclass(frozen=True)
class Exchange:
    """One SRP exchange: the user, the server's ephemeral secret `b` and the client's public value.

    `user_id` is the challenge's USER_ID_FOR_SRP, `a_public` the client's A.
    """

    pool_name: str
    user_id: str
    salt: int
    verifier: int = field(repr=False)
    b: int = field(repr=False)
    a_public: int

    @property
    def b_public(self) -> int:
        """B, the public value that the client receives."""
        return (_number(pad_integer(N) + pad_integer(G)) * self.verifier + pow(G, self.b, N)) % N

    @property
    def premaster(self) -> int:
        """S, the premaster secret. Both sides compute it if the client has the password."""
        return pow(self.a_public * pow(self.verifier, self.scrambler, N), self.b, N)

    @property
    def scrambler(self) -> int:
        """u, which prevents each side from choosing its value depending on the other's."""
        return _number(pad_integer(self.a_public) + pad_integer(self.b_public))

    @property
    def key(self) -> bytes:
        """The 16-byte key of the proof (HKDF of S, salted with u)."""
        extracted = hmac.digest(pad_integer(self.scrambler), pad_integer(self.premaster), hashlib.sha256)
        return hmac.digest(extracted, _KEY_INFO + b"\x01", hashlib.sha256)[:_KEY_BYTES]

    def proof(self, secret_block: str, timestamp: str) -> str:
        """Return the PASSWORD_CLAIM_SIGNATURE of a client that has the password."""
        message = f"{self.pool_name}{self.user_id}".encode() + base64.b64decode(secret_block) + timestamp.encode()
        return base64.b64encode(hmac.digest(self.key, message, hashlib.sha256)).decode()


def compute_verifier(pool_name: str, user_id: str, password: str, salt: int) -> int:
    """Return v = g^x, which the server checks a password with."""
    return pow(G, private_key(pool_name, user_id, password, salt), N)


def private_key(pool_name: str, user_id: str, password: str, salt: int) -> int:
    """Return x, which is computed from the password."""
    return _number(pad_integer(salt) + hashlib.sha256(f"{pool_name}{user_id}:{password}".encode()).digest())


def public_number(text: str) -> int:
    """Return a client's A from its hexadecimal form.

    Raises ValueError if A % N is zero: the premaster secret would be predictable (RFC 5054 2.5.4).
    """
    number = int(text, 16) if len(text) <= 2 * len(pad_integer(N)) else 0
    if number % N == 0:
        raise ValueError("A is not a public number of the group")
    return number


def parse_timestamp(timestamp: str) -> datetime:
    """Return the time of a TIMESTAMP such as `Tue Mar 3 07:08:09 UTC 2026`. Raises ValueError."""
    parts = _TIMESTAMP.fullmatch(timestamp)
    if parts is None or parts[1] not in _MONTHS:
        raise ValueError("not a timestamp of Cognito's form")
    day, hour, minute, second, year = (int(part) for part in parts.groups()[1:])
    return datetime(year, _MONTHS.index(parts[1]) + 1, day, hour, minute, second, tzinfo=UTC)


def format_timestamp(moment: datetime) -> str:
    """Return a time in UTC as a TIMESTAMP: English in every locale, the day without a leading zero."""
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day} {month} {moment.day} {moment:%H:%M:%S} UTC {moment.year}"


def pad_integer(number: int) -> bytes:
    """Return a positive number in big-endian bytes; if the top bit is set, a zero byte comes before it."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big")
