#!/usr/bin/env python3
"""The back door: where the daemon goes when it asks Octopods, the helpdesk or the shop, and where it does not."""

import socket
import ssl
import subprocess
import threading

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = "rules:\n  - { name: track, tap: 'track:(?<id>.*)', dedup: 0s, entry: true, final: true, reply: { text: 'order ${id}' } }\n"
ORDER = """\
lookups:
  order: { url: '%s/shop/orders/${id}', headers: { Authorization: 'Bearer ${secret.SHOP}' }, timeout: 30s, sample: { status: sent } }
rules:
  - { name: ask, tap: 'ask:(?<id>.*)', entry: true, final: true, lookup: order, reply: { text: '${order.status}' }, on_error: { reply: { text: down } } }
"""


class Trap:
    """A server that nobody should talk to, and what it was told all the same."""

    def __init__(self, certificate=None, family=socket.AF_INET, host="127.0.0.1"):
        self.listener = socket.socket(family)
        self.listener.bind((host, 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if certificate:
            self.context.load_cert_chain(*certificate)
        self.told, self.calls = b"", 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            peer.settimeout(PATIENCE)
            try:
                if self.context:
                    peer = self.context.wrap_socket(peer, server_side=True)
                self.told += peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            except OSError:
                pass
            peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.thread.join(PATIENCE)
        self.listener.close()


def certificate(daemon, name, *more):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", daemon.path("key.pem"), "-out",
                    daemon.path("cert.pem"), *more], check=True, capture_output=True)
    return daemon.path("cert.pem"), daemon.path("key.pem")


@test
def test_nothing_is_said_to_a_server_whose_certificate_is_not_good():
    for key in ("channel", "api", "lookup"):
        with Sim() as sim, Daemon(sim, RULES, start=False) as daemon, Trap(certificate(daemon, "localhost")) as trap:
            url = f"https://localhost:{trap.port}"
            if key == "channel":
                daemon.config["channels"]["shop"]["url"] = url
            elif key == "api":
                daemon.config["sources"][1]["api"] = url
            else:
                daemon.config.update({"private_hosts": ["localhost"], "secrets": {"SHOP": "env:SHOP_KEY"}})
                daemon.write("rules.yaml", ORDER % url)
            daemon.write_config()
            # no variable of other programs switches it off
            daemon.env.update({"CURL_CA_BUNDLE": daemon.path("cert.pem"), "PYTHONHTTPSVERIFY": "0", "GIT_SSL_NO_VERIFY": "1"})
            daemon.serve()
            if key == "api":
                assert daemon.post_hubspot([hubspot_event(1, "m1")]) == 200
            else:
                daemon.tap("track:1" if key == "channel" else "ask:1")
            wait_for(lambda: trap.calls > 0 and "certificate" in daemon.log_text(), "the refusal")
            assert trap.told == b"", trap.told


@test
def test_no_proxy_is_used():
    with Trap() as trap, Sim() as sim:
        env = {name: f"http://127.0.0.1:{trap.port}" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
        with Daemon(sim, RULES, env=env) as daemon:
            daemon.tap("track:1")
            assert texts(sim, 1) == ["order 1"] and trap.calls == 0


@test
def test_no_redirect_is_followed_with_a_key():
    for status in (301, 302, 303, 307, 308):
        with Trap() as trap, Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
            daemon.config.update({"private_hosts": ["127.0.0.1"], "secrets": {"SHOP": "env:SHOP_KEY"}})
            daemon.write("rules.yaml", ORDER % sim.url + RULES.replace("rules:\n", ""))
            daemon.write_config()
            daemon.serve()
            to = {"status": status, "headers": {"Location": f"http://127.0.0.1:{trap.port}/"}, "body": "", "times": -1}
            sim.fault(path="/shop", **to)
            sim.fault(path="/conversations", **to)
            daemon.tap("ask:1")
            assert texts(sim, 1) == ["down"]
            sim.fault(path=SEND, **to)
            daemon.tap("track:1", "2")
            daemon.wait_log("CHANNEL PAUSED")
            assert daemon.post_hubspot([hubspot_event(1, "m1")]) == 200
            sim.wait_requests(1, "/conversations")
            wait_for(lambda: daemon.log_text().count("msg=fetch ") >= 1, "the end of the fetch")
            assert trap.calls == 0, (status, trap.told)


PRIVATE = ["127.0.0.1", "127.9.9.9", "localhost", "0.0.0.0", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::]", "[::1]",
           "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::7f00:1]", "10.0.0.1", "100.64.0.1",
           "169.254.169.254", "172.16.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[fd00::1]", "[fe80::1]",
           "[fec0::1]", "[ff02::1]", "[2002:7f00:1::]"]


@test
def test_no_lookup_goes_inside():
    """All of them at once: a lookup for each address, of which the trap hears nothing."""
    with Trap(family=socket.AF_INET, host="0.0.0.0") as trap, Sim() as sim, Daemon(sim, start=False) as daemon:
        lookups = "".join(f"  l{n}: {{ url: 'http://{host}:{trap.port}/x', timeout: 30s, sample: {{ status: sent }} }}\n"
                          for n, host in enumerate(PRIVATE))
        rules = "".join(f"  - {{ name: r{n}, tap: 'ask:{n}', lookup: l{n}, reply: {{ text: '${{l{n}.status}}' }}, "
                        f"on_error: {{ reply: {{ text: down }} }} }}\n" for n in range(len(PRIVATE)))
        daemon.write("rules.yaml", f"lookups:\n{lookups}rules:\n{rules}")
        daemon.serve()
        for n in range(len(PRIVATE)):
            daemon.tap(f"ask:{n}", str(n + 1))
        ended = {i["rule"]: i["reason"] for i in runs(daemon, "done", len(PRIVATE))}
        for n, host in enumerate(PRIVATE):
            assert "no public address" in ended[f"r{n}"] and "private_hosts" in ended[f"r{n}"], (host, ended[f"r{n}"])
        assert trap.calls == 0, trap.told
        # one of them by name: that one, and no other spelling of it
        daemon.config["private_hosts"] = ["127.9.9.9"]
        daemon.write_config()
        daemon.terminate()
        daemon.serve()
        for n, user in ((PRIVATE.index("127.9.9.9"), "101"), (PRIVATE.index("127.0.0.1"), "102")):
            daemon.tap(f"ask:{n}", user)
        wait_for(lambda: trap.calls > 0, "the one that is allowed")
        runs(daemon, "done", 2)
        assert trap.told.count(b"GET ") == 1 and b"Host: 127.9.9.9" in trap.told, trap.told


@test
def test_check_warns_of_keys_in_clear():
    with Daemon(start=False, rules=RULES + "  - { name: old, default: true, final: true, reply: { text: old } }\n") as daemon:
        code, out, _ = daemon.run("check", "--strict")
        assert code == 0 and "TLS" not in out, out  # 127.0.0.1
        channel, source = daemon.config["channels"]["shop"], daemon.config["sources"][0]
        channel["url"], source["api"] = "http://api.octopods.io", "http://inbox.internal/v1"
        daemon.write_config()
        code, out, _ = daemon.run("check")
        assert code == 0 and "2 warnings" in out, out
        assert "channel 'shop' is asked without TLS" in out and "the api of source 'intercom' is asked without TLS" in out, out
        assert daemon.run("check", "--strict")[0] == 1
        daemon.config["private_hosts"] = ["inbox.internal", "api.octopods.io"]
        daemon.write_config()
        code, out, _ = daemon.run("check", "--strict")
        assert code == 0, out


if __name__ == "__main__":
    main()
