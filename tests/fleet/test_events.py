"""Events of a real fleet: each once, in order, over a restart of what tells them."""

from live import Events


def described(events):
    return [(event.data["action"], event.data["kind"], event.data.get("target")) for event in events if event.name == "audit"]


def test_what_happens_is_told_as_it_happens(api):
    events = Events(api, "/v1/events?action=sandbox&kind=outcome")
    assert next(events).name == "connected"
    box = api.create(host="h1")["id"]
    assert described([next(events)]) == [("sandbox.create", "outcome", box)]
    api.destroy(box)
    assert described([next(events)]) == [("sandbox.destroy", "outcome", box)]
    events.close()


def test_none_is_lost_or_told_twice_over_a_restart(fleet):
    api = fleet.api()
    events = Events(api, "/v1/events")
    start = next(events).ident
    box = api.create(host="h2")["id"]
    last = next(events).ident
    fleet.restart_coordinator()
    api = fleet.api()
    api.destroy(box)
    again = Events(api, "/v1/events", headers={"Last-Event-ID": str(last)})
    seen = []
    for event in again:
        seen.append(event)
        if described([event]) == [("sandbox.destroy", "outcome", box)]:
            break
    again.close()
    assert start + 1 == last and [event.ident for event in seen[1:]] == list(range(last + 1, seen[-1].ident + 1))
    assert described(seen).count(("sandbox.create", "outcome", box)) == 1
