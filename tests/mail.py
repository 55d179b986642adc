"""A mail server on loopback that keeps what it is sent: as much of SMTP (RFC 5321) as a client needs."""

from contextlib import contextmanager
from email import message_from_bytes, policy

from tests.listening import listening


class Mailbox:
    """The messages taken so far; `refusing` answers 451 to each, `unknown` are addresses that it does not know.

    With an SSL context it takes mail after STARTTLS, or begins with TLS where that comes first.
    """

    def __init__(self, tls=None, *, tls_first=False):
        self.messages, self.logins, self.port, self.refusing, self.tls = [], [], 0, False, tls
        self.tls_first, self.unknown = tls_first, ()

    async def talk(self, reader, writer):
        secure = self.tls is None or self.tls_first
        if self.tls_first:
            await writer.start_tls(self.tls)
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                reply = "250-here\r\n250 " + ("AUTH PLAIN" if secure else "STARTTLS")
            elif verb == "AUTH":
                self.logins.append(line.split(" ")[2])
                reply = "235 welcome"
            elif verb == "MAIL" and (self.refusing or not secure):
                reply = "451 not now" if secure else "530 STARTTLS first"
            elif verb == "RCPT" and any(address in line for address in self.unknown):
                reply = "550 nobody here"
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.messages.append(message_from_bytes(body[:-3], policy=policy.default))
                reply = "250 taken"
            else:
                reply = {"STARTTLS": "220 go on", "QUIT": "221 bye"}.get(verb, "250 fine")
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()
            if verb == "STARTTLS":
                await writer.start_tls(self.tls)
                secure = True
            if verb == "QUIT":
                break
        writer.close()


@contextmanager
def mail_server(tls=None, *, tls_first=False):
    """Runs in a thread of its own for the length of the block."""
    box = Mailbox(tls, tls_first=tls_first)
    with listening(box.talk) as box.port:
        yield box
