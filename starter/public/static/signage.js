// The player: shows in turn what Baken says should be seen (leases.js), and tells what it shows.
import { follow } from "./leases.js";

const EVERY = 2000, TURN = 12000, TELL = 20000, SMALLEST = 0.3;
const settings = document.body.dataset;
const place = document.getElementById("place"), idle = document.getElementById("idle");
const own = new URLSearchParams(location.hash.slice(1));
let turn = 0, turned = 0, told = "", toldAt = 0;

function show(nodes) {
  if (performance.now() - turned > TURN) { turn += 1; turned = performance.now(); }
  const next = nodes.length ? nodes[turn % nodes.length] : null;
  if (place.firstChild !== next) {
    place.replaceChildren(...(next ? [next] : []));
    if (next) fit(next);
  }
  idle.hidden = Boolean(next);
}

// Leaves out whole paragraphs until all fits, at the size that is read from 10 metres: the story, the request, what the
// child looks like. Headline, where and when, plate and number stay, and only then become smaller.
function fit(node) {
  const giving = [...node.querySelectorAll("[data-give-way]")].sort((a, b) => a.dataset.giveWay - b.dataset.giveWay);
  for (const one of giving) one.hidden = false;
  const words = node.querySelector(".words");
  const fits = () => [node, words, ...node.querySelectorAll("p")].every(
    (one) => one.scrollHeight <= one.clientHeight + 1 && one.scrollWidth <= one.clientWidth + 1);
  node.style.setProperty("--baken-size", 1);
  while (!fits() && giving.length) giving.shift().hidden = true;
  for (let size = 0.95; !fits() && size >= SMALLEST; size -= 0.05) node.style.setProperty("--baken-size", size);
}

// Read-back: what is in the document now, not what was received; at once when it changed, else now and then.
function tell() {
  if (!own.get("screen")) return;
  const shows = [...place.querySelectorAll(".screen")].map(
    (one) => ({ alert_id: one.dataset.alert, edition: Number(one.dataset.edition) }));
  const body = JSON.stringify({ screen: own.get("screen"), key: own.get("key"), shows });
  if (body === told && performance.now() - toldAt < TELL) return;
  fetch(settings.seen, { method: "POST", body, headers: { "content-type": "application/json" } })
    .then((answer) => { if (answer.ok) { told = body; toldAt = performance.now(); } })
    .catch(() => {});
}

addEventListener("resize", () => { if (place.firstChild) fit(place.firstChild); });
follow(settings.content, EVERY, show, tell);
