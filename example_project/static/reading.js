// The reading position: the list of notes links to the note that was read last, on whichever device, and the note opens
// where the user left it.
import { openMine } from "./my_datasets.js";

const SCROLL_PAUSE_MILLISECONDS = 300;
const note = document.querySelector("[data-read]");
const link = document.querySelector("[data-continue-reading]");

function showLink() {
  const last = reading.get("last");
  if (!link || !last) return;
  link.querySelector("a").href = last.path;
  link.querySelector("a").textContent = last.title;
  link.hidden = false;
}

function storePosition() {
  const height = document.documentElement.scrollHeight - innerHeight;
  const position = height > 0 ? Math.round((1000 * scrollY) / height) / 1000 : 0;
  // If it is not stored, the user continues from an earlier position.
  reading.set("last", { path: location.pathname, title: note.dataset.read, position }).catch(() => {});
}

function trackPosition() {
  const last = reading.get("last");
  if (last?.path === location.pathname && scrollY === 0) {
    scrollTo(0, last.position * (document.documentElement.scrollHeight - innerHeight));
  } else storePosition();
  let timer;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(storePosition, SCROLL_PAUSE_MILLISECONDS);
  });
}

// The device's clock decides which device was read last: a wrong one costs no more than a position.
const reading = await openMine("reading", "newest");
showLink();
reading.addEventListener("change", showLink);
if (note) {
  await reading.sync(); // another device may have a later position
  trackPosition();
}
