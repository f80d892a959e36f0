#!/usr/bin/env python3
"""Torture: kills the real daemon with SIGKILL, again and again under load, and looks whether it kept its promises.

From the build folder:

    make torture                                    200 kills and every planted fault, as contrib/check runs it
    make torture TORTURE_FLAGS='--kills 10000'      long; figures of such a run are in RESULTS
    make torture TORTURE_FLAGS='--plants'           the planted faults alone

In a folder that was configured with --enable-sanitizers, or --enable-sanitizers=thread, the same commands look for what these find, too:
a life that ends by a report is a finding ("broken").

Several daemons run side by side, each in a temporary folder with a simulator of its own. In a round a daemon is started on one
store, killed, started, killed ..., up to twelve times; then it is started once more and finishes. While it lives (and while it
does not) four customers of Intercom and one of HubSpot tap and write, and the helpdesk delivers each webhook until it gets a 200,
some twice. Rules have two messages, lookups, a booking, notes, buttons that work once, variables (load.py), and change now and then. The simulator is late with
some answers, cuts off others, and records what arrived.

A life ends at a random moment, some of them while it stops in good order, or at a fault point: the n-th statement, commit, write, sync or truncation of the store, or the n-th
write to the network, before it, after it, or half through. killpoint.c counts them, from outside of the program. Small n are in
the recovery.

Then verdict.py compares the harness's own record with the simulator's and with what the daemon left:

  lost      a tap that was acknowledged has no run
  twice     it has two of one rule
  missing   a follow-up never arrived, and its send is not unknown
  doubled   one arrived twice (of `unknown_send: resend`: more often than it was tried)
  order     a tap was answered behind one that was posted after its 200
  torn      another run's message stands between those of a run, a variable is not what the run before left, or the rules changed
            within a run
  booked    the shop booked twice, or a booking was confirmed that was none
  spent     a button that works once worked twice, or never
  stray     something arrived that nobody asked for, or at somebody else
  failed    a run ended in another way than it should have
  hidden    `callbackd queue list` does not show a run that is not done
  broken    PRAGMA integrity_check finds something; the daemon ended by itself, did not finish, or never took a webhook

SIGKILL leaves what the kernel has. So at two fifths of the fault points the power fails as well: of what was written since the
file's last sync some is undone.

Every planted fault (plant.py) must be found, each by its kind. The last lines are TAP. What belongs to a finding is kept in the
folder that is named: the store, the log, both records."""

import argparse
import multiprocessing
import os
import random
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "functional"))
import harness
import plant
from rounds import Plans, Round

PLANT_ROUNDS = 40  # a fault needs a moment that fits: so many rounds at most until it is planted and found


def add(total, counts):
    for name, n in counts.items():
        total[name] = total.get(name, 0) + n


class Worker(multiprocessing.Process):
    """Plays rounds until the kills are used up. Sends (counts, findings, folder kept) after each, at the end None."""

    def __init__(self, number, of, seed, left, results):
        super().__init__()
        self.number, self.of, self.seed, self.left, self.results = number, of, seed, left, results

    def take(self, kills):
        with self.left.get_lock():
            taken = min(kills, self.left.value)
            self.left.value -= taken
            return taken

    def run(self):
        harness.end_with_parent()
        seed = f"{self.seed}.{self.number}"
        draw, plans, number = random.Random(seed), Plans(seed, self.number, self.of), 0
        try:
            with harness.Sim() as sim:
                while kills := self.take(draw.randint(1, 12)):
                    number += 1
                    one = Round(sim, f"{seed}.{number}", kills, plans)
                    one.play()
                    self.results.put((one.counts, one.findings, one.kept))
        except Exception:  # of the worker: no finding about the daemon, but no proof either
            self.results.put(({}, [("broken", traceback.format_exc())], None))
        self.results.put(None)


def kill(kills, workers, seed):
    """Returns counts and findings."""
    left, results = multiprocessing.Value("i", kills), multiprocessing.Queue()
    crew = [Worker(number, workers, seed, left, results) for number in range(workers)]
    total, findings, at_work, shown = {}, [], len(crew), time.monotonic()
    for worker in crew:
        worker.start()
    while at_work:
        result = results.get()
        if result is None:
            at_work -= 1
            continue
        counts, found, kept = result
        add(total, counts)
        findings += [(kind, f"{sentence} ({kept})") for kind, sentence in found]
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"# {total.get('kills', 0)} kills, {len(findings)} findings", flush=True)
    for worker in crew:
        worker.join()
    return total, findings


def find_planted(sim, kind_of_plant, seed):
    """Plays rounds with the fault until it is found. Returns whether it was, and how many rounds and kills that took."""
    kills = 0
    for number in range(1, PLANT_ROUNDS + 1):
        one_plant = kind_of_plant()
        one = Round(sim, f"{seed}.{one_plant.name}.{number}", 8, Plans(f"{seed}.{number}"), one_plant)
        findings = one.play()
        kills += one.counts.get("kills", 0)
        show_findings([finding for finding in findings if finding[0] == "broken"])
        if one_plant.planted and any(kind == one_plant.finding for kind, _ in findings):
            return True, number, kills
    return False, PLANT_ROUNDS, kills


# --- what is printed ----------------------------------------------------------------------------------------------------------

class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def point(self, good, name):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}", flush=True)


def show_points(points):
    """points: lines of TORTURE_LOG and how often each came."""
    words = {point: point.replace("power cut ", "").split(None, 2) for point in points}
    statements = {words[point][2] for point in points if words[point][1] == "step"}
    sums = {"as if the power was cut": sum(n for point, n in points.items() if point.startswith("power cut"))}
    for point, n in points.items():
        add(sums, {f"{words[point][0]} {words[point][1]}": n})
    print(f"# fault points reached {sum(points.values())} times, at {len(statements)} statements")
    for name in sorted(sums):
        print(f"#   {name:26} {sums[name]:8}")


def show(total, seconds):
    print(f"# {seconds:.0f} s, {60 * total.get('kills', 0) / seconds:.0f} kills a minute")
    for name in sorted(name for name in total if not name.startswith("at: ")):
        print(f"# {name:28} {total[name]:8}")
    show_points({name[4:]: n for name, n in total.items() if name.startswith("at: ")})


def show_findings(findings):
    for kind, sentence in findings:
        print("".join(f"# {line}\n" for line in f"{kind}: {sentence}".splitlines()), end="")


def report_kills(tap, total, findings, kills, seconds):
    show(total, seconds)
    show_findings(findings[:50])
    tap.point(total.get("kills") == kills, f"killed {total.get('kills', 0)} times")
    tap.point(not findings, f"nothing lost, doubled or out of order: {len(findings)} findings")
    # What the rounds need to prove anything.
    for name in ("follow-ups unknown", "killed before it listened", "kills: moment", "kills: store", "kills: disk", "kills: net", "requests cut or late"):
        tap.point(total.get(name, 0) > 0, f"there were some: {name}")
    tap.point(total.get("webhooks: attempts", 0) > total.get("webhooks acknowledged", 0), "webhooks were sent again")
    unknown, sent = total.get("follow-ups unknown", 0), total.get("follow-ups", 0)
    tap.point(3 * unknown < sent, f"most follow-ups had to arrive: {unknown} of {sent} were unknown")


def report_plants(tap, seed):
    with harness.Sim() as sim:
        for kind_of_plant in plant.ALL:
            found, rounds, kills = find_planted(sim, kind_of_plant, seed)
            tap.point(found, f"found: {kind_of_plant.name} ({kind_of_plant.finding}; rounds {rounds}, kills {kills})")


def main():
    options = argparse.ArgumentParser(description="kills callbackd under load; see the head of this file")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1), help="daemons side by side")
    options.add_argument("--seed", default=str(int(time.time())), help="of the plans; moments are never the same again")
    options.add_argument("--plants", action="store_true", help="the planted faults alone")
    chosen = options.parse_args()
    tap, began = Tap(), time.monotonic()
    print(f"# seed {chosen.seed}, {chosen.workers} daemons side by side")
    if not chosen.plants:
        total, findings = kill(chosen.kills, chosen.workers, chosen.seed)
        report_kills(tap, total, findings, chosen.kills, time.monotonic() - began)
    report_plants(tap, chosen.seed)
    print(f"1..{tap.number}")
    sys.exit(1 if tap.failed else 0)


if __name__ == "__main__":
    main()
