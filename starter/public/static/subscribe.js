// Notifications in this browser: on for a place by one button, off by another. The page says what is so now.
"use strict";

const { key, language } = document.body.dataset;
const on = document.getElementById("on"), off = document.getElementById("off");

function say(state) {
  for (const one of document.querySelectorAll("[data-when]")) one.hidden = !one.dataset.when.split(" ").includes(state);
}

// Where to, as chosen in this browser: we could tell nobody, for we do not know who asks.
function place(name) {
  if (name === null) localStorage.removeItem("baken-place");
  else if (name) localStorage.setItem("baken-place", name);
  document.getElementById("place").textContent = localStorage.getItem("baken-place") ?? "";
}

async function kept() {
  const worker = await navigator.serviceWorker.getRegistration("/");
  return worker && worker.pushManager.getSubscription();
}

// One of another key hears nothing any more.
function ours(subscription) {
  const bytes = String.fromCharCode(...new Uint8Array(subscription.options.applicationServerKey));
  return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === key;
}

async function tell(address, subscription, more) {
  const body = JSON.stringify({ subscription: JSON.stringify(subscription), ...more });
  const answer = await fetch(address, { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
}

async function begin(event) {
  event.preventDefault();
  let subscription = null;
  try {
    const worker = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    await tell("/subscribe", subscription, { language, municipality: on.elements.municipality.value });
    place(on.elements.municipality.selectedOptions[0].textContent);
    say("on");
  } catch (error) {
    await subscription?.unsubscribe();
    say(error.name === "NotAllowedError" ? "denied" : "failed");
  }
}

// The browser's own end counts, whatever we hear of it: its push service then tells us that it is gone. What is shown
// goes too, for nobody could tell this browser any more that a child was found.
async function end(event) {
  event.preventDefault();
  const subscription = await kept();
  await tell("/subscribe/end", subscription).catch(() => {});
  await subscription.unsubscribe();
  const worker = await navigator.serviceWorker.getRegistration("/");
  for (const shown of await worker.getNotifications()) shown.close();
  place(null);
  say("ended");
}

async function look() {
  if (!("serviceWorker" in navigator && "PushManager" in window)) return say("unable");
  const subscription = await kept();
  if (subscription && !ours(subscription)) await subscription.unsubscribe();
  return say(subscription && ours(subscription) ? "on" : "off");
}

if (on) {
  place();
  on.addEventListener("submit", begin);
  off.addEventListener("submit", end);
  look();
}
