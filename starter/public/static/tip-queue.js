// What was written and is not sent yet, kept on this phone; shared by the tip page and its service worker. Each tip has
// an id, so that both of them sending it has one effect.
"use strict";

self.bakenTips = (() => {
  const PATIENCE = 60000;
  const ANSWERS = ["sent", "sent_without_photo", "empty", "wrong", "refused", "too_large", "ended", "test", "unknown"];

  function database() {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open("baken-tips", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("waiting", { keyPath: "id" });
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
  }

  async function within(mode, work) {
    const db = await database();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = db.transaction("waiting", mode), asked = work(transaction.objectStore("waiting"));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
    } finally {
      db.close();
    }
  }

  const keep = (tip) => within("readwrite", (waiting) => waiting.put(tip));
  const forget = (tip) => within("readwrite", (waiting) => waiting.delete(tip.id));
  const waiting = () => within("readonly", (kept) => kept.getAll());

  // What became of it, in the server's word; "later" where it did not get there, or there was no room.
  async function send(tip) {
    const body = new FormData();
    for (const [name, value] of tip.fields) body.append(name, value);
    body.append("age", Math.max(0, (Date.now() - tip.written) / 1000));
    if (tip.photo) body.append("photo", tip.photo, "photo.jpg");
    try {
      const headers = { accept: "application/json" }, signal = AbortSignal.timeout?.(PATIENCE);
      const answer = await fetch(tip.action, { method: "POST", body, headers, signal });
      const { state } = await answer.json();
      return ANSWERS.includes(state) ? state : "later";
    } catch {
      return "later";
    }
  }

  // Sends all that waits; gives what became of each, which is forgotten here unless it is for later.
  async function flush() {
    const became = [];
    for (const tip of await waiting()) {
      const state = await send(tip);
      if (state !== "later") await forget(tip);
      became.push({ id: tip.id, alert: tip.alert, state });
    }
    return became;
  }

  return { keep, forget, waiting, send, flush };
})();
