// Follows what Baken says should be seen, and lets go of each alert by itself at the end of its lease, whatever the
// network does. Time is measured twice, on a clock that never jumps and on the wall clock: what is over by either is
// over. When a lease ends is told by the server's clock, so a machine whose own clock is wrong is right all the same.
const PATIENCE = 5000, LOOK = 250;
const AGE_STEP = 1000; // "age" tells whole seconds: it may be more than it says, never less

// Asks each `every` milliseconds, and gives `show` four times a second the nodes to be seen now; `asked` hears of
// every answer, also of none.
export function follow(address, every, show, asked = () => {}) {
  let alerts = new Map();
  let ahead = -Infinity; // of the server's clock before our steady one, at least: by all answers, as they arrived

  async function poll() {
    const steady = performance.now(), wall = Date.now();
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), cache: "no-cache", credentials: "omit" });
      if (answer.ok) take(await answer.json(), atLeast(timeOf(answer), steady), steady, wall);
    } catch { /* the network is gone: the leases go on running */ }
    asked();
    setTimeout(poll, every);
  }

  // The server's time at `steady`, when we asked. An old answer that a cache gives as if it were new says a time that is
  // over by the others: with theirs, it renews nothing.
  function atLeast(said, steady) {
    if (said - performance.now() > ahead) ahead = said - performance.now();
    return Math.max(said, steady + ahead);
  }

  function take(told, serverTime, steady, wall) {
    const newer = new Map();
    for (const one of told) {
      const left = Date.parse(one.lease_until) - serverTime, known = alerts.get(one.alert_id);
      const alert = known && known.html === one.html ? known : { html: one.html, node: made(one.html) };
      alert.endsSteady = steady + left;
      alert.endsWall = wall + left;
      alert.node.dataset.until = one.lease_until; // for whoever looks at the page
      newer.set(one.alert_id, alert);
    }
    alerts = newer;
    look();
  }

  function look() {
    for (const [id, alert] of alerts) {
      const left = Math.min(alert.endsSteady - performance.now(), alert.endsWall - Date.now());
      if (!(left > 0)) alerts.delete(id);
    }
    show([...alerts.values()].map((alert) => alert.node));
  }

  setInterval(look, LOOK);
  poll();
}

// The server's own time, not its "date": that one is up to two seconds old. What a cache between us kept for a while says
// so in "age". An answer without its time keeps nothing on show.
function timeOf(answer) {
  const age = answer.headers.get("age");
  return Date.parse(answer.headers.get("baken-now")) + (age === null ? 0 : 1000 * Number(age) + AGE_STEP);
}

// The words are there at once; a picture comes when all of it is, and stays without a network.
function made(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const node = document.importNode(page.body.firstElementChild, true);
  for (const img of node.querySelectorAll("img")) img.decode().catch(() => img.remove());
  return node;
}
