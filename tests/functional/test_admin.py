#!/usr/bin/env python3
"""The admin listener: who may ask it for what. test_operations.py has what its pages say."""

import socket
import stat

from harness import *

TOKEN = {"Authorization": "Bearer " + SECRETS["ADMIN_TOKEN"]}

# What a browser sends for a form or script of a page from elsewhere, whatever the page wants.
FROM_PAGES = [{"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "multipart/form-data; boundary=x"},
              {"Content-Type": "Text/Plain;charset=utf-8"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
              {"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example/page"}]


def reloads(daemon, ask):
    text = ask("GET", "/metrics", {})[1]
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(("callbackd_reloads_total ", "callbackd_reload_failures_total ")))


def unix_ask(daemon):
    def ask(method, path, headers, body=""):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(daemon.path("admin.sock"))
            lines = {"Host": "x", "Connection": "close", **({"Content-Length": str(len(body))} if method == "POST" else {}), **headers}
            client.sendall((f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n" + body).encode())
            head, _, text = client.makefile("rb").read().decode().partition("\r\n\r\n")
        return int(head.split()[1]), text
    return ask


def tcp_ask(daemon):
    def ask(method, path, headers, body=None):
        return daemon.page(path, method, headers)
    return ask


@test
def test_no_page_of_elsewhere_can_post():
    for config in ("unix:admin.sock", {"listen": "127.0.0.1:0", "token": "env:ADMIN_TOKEN"}, "127.0.0.1:0"):
        with Sim() as sim, Daemon(sim, config={"admin": config}) as daemon:
            ask = unix_ask(daemon) if isinstance(config, str) and "unix" in config else tcp_ask(daemon)
            wait_for(lambda: ask("GET", "/readyz", {})[0] == 200, "being ready")
            for headers in FROM_PAGES:
                status, text = ask("POST", "/-/reload", headers, "a=b" if "Content-Type" in headers else "")
                assert status == 403, (config, headers, status, text)
            # before it sends anything else a browser asks whether it may
            status, text = ask("OPTIONS", "/-/reload", {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
                                                        "Access-Control-Request-Headers": "authorization"})
            assert status == 405, (status, text)
            assert ask("GET", "/-/reload", {})[0] == 405
            assert reloads(daemon, ask) == 0
            good = {} if ask.__qualname__.startswith("unix") else TOKEN
            status = ask("POST", "/-/reload", good)[0]
            if config == "127.0.0.1:0":  # without a token nobody can
                assert status == 403
                continue
            assert status == 202, status
            wait_for(lambda: reloads(daemon, ask) == 1, "the reload")


@test
def test_no_answer_lets_a_page_read_it():
    with Sim() as sim, Daemon(sim) as daemon:
        for method, path in (("GET", "/metrics"), ("GET", "/readyz"), ("OPTIONS", "/metrics"), ("POST", "/-/reload")):
            headers = request(daemon.admin, method, path, headers={"Origin": "https://evil.example"})[1]
            assert not [name for name in headers if name.lower().startswith("access-control")], list(headers)


@test
def test_names_that_were_pointed_here_get_nothing():
    with Sim() as sim, Daemon(sim) as daemon:
        for host in ("evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "[::1", "", "@127.0.0.1"):
            for method, path in (("GET", "/metrics"), ("GET", "/readyz"), ("POST", "/-/reload"), ("GET", "/nothing")):
                status, text = daemon.page(path, method, {"Host": host})
                assert status in (400, 403) and "callbackd_" not in text and "ready" not in text, (host, path, status, text)
        # nor does a second name, or one in the request line
        for lines in ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n", "GET /metrics HTTP/1.1\r\n",
                      "GET http://evil.example/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n", "GET /metrics HTTP/1.0\r\n"):
            with socket.create_connection(daemon.admin, PATIENCE) as client:
                client.sendall((lines + "Connection: close\r\n\r\n").encode())
                answer = client.makefile("rb").read().decode()
            assert answer.split()[1] in ("400", "403") and "callbackd_" not in answer, (lines, answer[:200])


@test
def test_other_machines_need_a_token():
    with Daemon(start=False) as daemon:
        for address in ("0.0.0.0:9090", "[::]:9090", "192.168.1.5:9090", "admin.internal:9090", "[::ffff:127.0.0.1]:9090", "127.evil.example:9090"):
            for admin, good in ((address, False), ({"listen": address}, False), ({"listen": address, "token": "env:ADMIN_TOKEN"}, True)):
                daemon.config["admin"] = admin
                daemon.write_config()
                code, out, err = daemon.run("check")
                assert (code == 0) == good and (good or "has no token" in out), (admin, code, out, err)
        for address in ("127.0.0.1:9090", "127.8.9.10:9090", "[::1]:9090", "localhost:9090", "unix:run/admin"):
            daemon.config["admin"] = address
            daemon.write_config()
            assert daemon.run("check")[0] == 0, address


@test
def test_on_all_addresses_the_token_decides():
    with Sim() as sim, Daemon(sim, config={"admin": {"listen": "0.0.0.0:0", "token": "env:ADMIN_TOKEN"}}) as daemon:
        daemon.admin = ("127.0.0.1", daemon.admin[1])
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic " + SECRETS["ADMIN_TOKEN"]}, {"Cookie": "token=admin-token"},
                        {"Host": "callbackd.example.com"}):
            assert daemon.page("/-/reload", "POST", headers)[0] == 403, headers
            assert daemon.page("/-/reload?token=admin-token", "POST", headers)[0] == 403, headers
        assert daemon.page("/metrics", headers={"Host": "callbackd.example.com"})[0] == 403
        assert daemon.page("/metrics", headers={"Host": "callbackd.example.com", **TOKEN})[0] == 200
        assert daemon.page("/-/reload", "POST", {"Host": "callbackd.example.com", **TOKEN})[0] == 202


@test
def test_the_socket_is_for_its_group():
    with Sim() as sim, Daemon(sim, config={"admin": "unix:admin.sock"}) as daemon:
        mode = os.stat(daemon.path("admin.sock")).st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, oct(mode)
        assert daemon.terminate() == 0
        assert not os.path.exists(daemon.path("admin.sock"))


if __name__ == "__main__":
    main()
