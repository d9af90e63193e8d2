// The service worker of the tip pages alone: they open without a network, and what was written there is sent when there
// is one again, also after the page was closed, where the browser can do that.
"use strict";

importScripts("/static/tip-queue.js");

const KEPT = "tip-pages", PARTS = ["public.css", "tip.css", "tip.js", "tip-queue.js"].map((name) => `/static/${name}`);

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PARTS)));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("sync", (event) => { if (event.tag === "tips") event.waitUntil(sendAll()); });
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request, { origin, pathname } = new URL(url);
  const ours = mode === "navigate" || PARTS.includes(pathname);
  if (method === "GET" && origin === self.location.origin && ours) event.respondWith(fresh(event.request));
});

// Always the newest where there is a network.
async function fresh(request) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(request, answer.clone());
    return answer;
  } catch (error) {
    const ignoreVary = true; // the language is in the address
    const known = await kept.match(request, { ignoreVary }) || await kept.match(request, { ignoreVary, ignoreSearch: true });
    if (known) return known;
    throw error;
  }
}

// The browser tries again by itself when this fails.
async function sendAll() {
  const became = await self.bakenTips.flush();
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage(became);
  if (became.some(({ state }) => state === "later")) throw new Error("not sent yet");
}
