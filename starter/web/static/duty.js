// Calls in this browser: on by one button, off by another. The page says what is so now.
"use strict";

const here = document.getElementById("here");

function say(state) {
  for (const one of here.querySelectorAll("[data-when]")) one.hidden = !one.dataset.when.split(" ").includes(state);
}

async function kept() {
  const worker = await navigator.serviceWorker.getRegistration("/console/");
  return worker && worker.pushManager.getSubscription();
}

async function begin() {
  const worker = await navigator.serviceWorker.register("/console/sw.js");
  await navigator.serviceWorker.ready;
  return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: here.dataset.key });
}

// The form goes as it would without script, with what the browser gave.
async function change(event) {
  const form = event.target;
  event.preventDefault();
  try {
    const on = form.elements.on.value === "yes", subscription = on ? await begin() : await kept();
    form.elements.subscription.value = JSON.stringify(subscription);
    if (!on) await subscription.unsubscribe();
    form.submit();
  } catch (error) {
    say(error.name === "NotAllowedError" ? "denied" : "failed");
  }
}

async function look() {
  if (!("serviceWorker" in navigator && "PushManager" in window)) return say("unable");
  return say((await kept()) ? "on" : "off");
}

if (here) {
  here.addEventListener("submit", change);
  look();
}
