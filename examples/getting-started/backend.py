"""Serves the page, makes tokens and answers the webhooks of peal, with nothing but Python."""
import base64, hashlib, hmac, json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN_SECRET = open("token-secret", "rb").readline().strip()
WEBHOOK_SECRET = base64.b64decode(open("webhook-secret", "rb").readline())
USERS = {"alice": ["customers"], "bob": ["customers", "staff"]}  # yours are in a database


def token(user):
    """A JSON Web Token: who it is, where they may listen, and until when."""
    parts = {"alg": "HS256", "typ": "JWT"}, {"sub": user, "rooms": USERS[user], "exp": int(time.time()) + 3600}
    text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(TOKEN_SECRET, text, "sha256")).rstrip(b"=")
    return (text + b"." + signature).decode()


def is_from_peal(headers, body):
    """Standard Webhooks: the signature is over id, time and body, and the time is not long ago."""
    message, sent, given = (headers.get("webhook-" + name, "").encode() for name in ("id", "timestamp", "signature"))
    text = b".".join((message, sent, body))
    wanted = b"v1," + base64.b64encode(hmac.digest(WEBHOOK_SECRET, text, "sha256"))
    return any(hmac.compare_digest(wanted, one) for one in given.split()) and abs(time.time() - int(sent)) < 300


def answer(hook):
    """What peal is told. It repeats what was not answered: who must not do something twice remembers the ids."""
    if hook["type"] == "connect":
        return {}  # come in; {"allow": False} sends the client away
    orders = [event for event in hook["data"] if event["type"] == "event" and event["event"] == "order:new"]
    return {"acks": {order["id"]: {"ok": True, "for": order["user"], "by": "Python"} for order in orders}}


class Backend(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        user = parse_qs(url.query).get("user", [""])[0]
        if url.path == "/":
            self.send(200, "text/html; charset=utf-8", open("page.html", "rb").read())
        elif url.path == "/token" and user in USERS:  # a demonstration: there is no password
            self.send(200, "application/json", json.dumps({"token": token(user)}).encode())
        else:
            self.send(404, "text/plain", b"there is nothing here for you\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/webhook" and is_from_peal(self.headers, body):
            self.send(200, "application/json", json.dumps(answer(json.loads(body))).encode())
        else:
            self.send(401, "text/plain", b"there is nothing here for you\n")

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", 8000), Backend).serve_forever()
