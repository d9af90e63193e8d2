// One tag on a page of others, in whose place alerts appear, in a frame of Baken's own: the page is not touched, and
// nothing of an alert ever is in it. Without an alert the frame has no height.
"use strict";
(() => {
  const tag = document.currentScript;
  const { origin } = new URL(tag.src);
  const what = tag.dataset.show === "widget" ? "widget" : "banner";
  const language = (tag.dataset.lang || document.documentElement.lang).startsWith("en") ? "en" : "nl";
  const frame = document.createElement("iframe");
  frame.title = language === "en" ? "Missing children" : "Vermiste kinderen";
  frame.referrerPolicy = "no-referrer";
  // Around a page of our own it would be no fence, and browsers say so.
  if (origin !== location.origin) frame.sandbox = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox";
  // Property by property: a strict policy of the page forbids style attributes, not this.
  Object.assign(frame.style, { display: "block", width: "100%", height: "0", border: "0" });
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    const height = event.data?.bakenHeight;
    if (height >= 0) frame.style.height = `${height}px`;
  });
  frame.src = `${origin}/embed/${what}?lang=${language}${"example" in tag.dataset ? "&example=1" : ""}`;
  tag.after(frame);
})();
