// Away from this page at once, by the link or by Escape; "back" does not lead to it again.
"use strict";

const leave = document.getElementById("leave");

function away(event) {
  event.preventDefault();
  document.body.hidden = true;
  location.replace(leave.href);
}

leave.addEventListener("click", away);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") away(event); });
