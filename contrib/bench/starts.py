"""How long a start takes: from the fork to the first webhook that is answered 200."""

import os, shutil, socket, statistics, subprocess, time

from subjects import ENVIRONMENT, Failed, free_port, harness

RULES = 1000
TIMES = 5


def rules():
    """As shops write them: a word of their own, then an order's number."""
    one = ("  - name: rule-%(n)d\n    tap: 'action-%(n)d:(?<id>ORD-[0-9]{4,12})'\n    reply:\n      text: 'Order ${id}, step %(n)d'\n"
           "      buttons:\n        - [ { text: Next, callback_data: 'action-%(next)d:${id}' } ]\n")
    return 'rules:\n' + ''.join(one % {'n': n, 'next': (n + 1) % RULES} for n in range(RULES))


def is_answered(address, record):
    try:
        with socket.create_connection(address, 10) as connection:
            connection.sendall(record)
            return connection.recv(4096).startswith(b'HTTP/1.1 200 ')
    except OSError:
        return False


def start(bench, config, address, record):
    """Milliseconds."""
    log = os.path.join(bench.folder, 'start.log')
    with open(log, 'wb') as out:
        begin = time.perf_counter()
        process = subprocess.Popen(bench.serve(config), env=ENVIRONMENT, stdout=out, stderr=out)
    try:
        while not is_answered(address, record):
            if process.poll() is not None or time.perf_counter() - begin > 20:
                with open(log, errors='replace') as out:
                    raise Failed('no webhook is answered: ' + out.read()[-1000:])
            time.sleep(0.0005)
        return (time.perf_counter() - begin) * 1000
    finally:
        process.terminate()
        process.wait()


def measure(bench, taps):
    bench.write('many.yaml', rules())
    with open(taps.file, 'rb') as file:
        records = [file.read(taps.length) for _ in range(2 * TIMES)]
    new, again = [], []
    for _ in range(TIMES):
        store, port = bench.new_store(bench.disk), free_port()
        config = bench.config('http://127.0.0.1:9', 'sqlite:%s/bench.db' % store, 'many.yaml', port)
        for times in new, again:
            times.append(start(bench, config, harness.split_address('127.0.0.1:%d' % port), records.pop()))
        shutil.rmtree(store)
    return {'new': statistics.median(new), 'again': statistics.median(again)}


def measurements(bench, taps):
    return [('start', measure, bench, taps)]
