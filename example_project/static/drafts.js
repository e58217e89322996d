// Drafts of notes: stored while they are written, and the same on all devices of the user.
//
// The value of a draft is a list of versions, `{ fields, at, tab }`. There is more than one after two devices have changed
// the same draft: then the user chooses. The page is templates/notes/note_form.html.
import { openMine } from "./my_datasets.js";

const STATUS = {
  synced: "The draft is saved on all your devices.",
  pending: "Saving the draft…",
  offline: "The draft is saved on this device. It is sent when the site can be reached.",
  signed_out: "The draft is saved on this device. Sign in again to send it.",
  failed: "The draft is saved on this device only: the site has refused it.",
  not_stored: "The draft is not saved: this browser has not stored it.",
};

// Of this browser tab, also after the form was sent.
const TAB = (sessionStorage.draftTab ??= crypto.randomUUID());

const formatTime = (time) =>
  new Date(time).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
const isSame = (a, b) => a.at === b.at && JSON.stringify(a.fields) === JSON.stringify(b.fields);
const has = (versions, version) => (versions ?? []).some((other) => isSame(other, version));

// The rule for conflicts: keep the versions of both devices, without those that one of them has replaced.
function keepBoth(mine, theirs, base) {
  const all = [...(theirs ?? []), ...(mine ?? []).filter((version) => !has(theirs, version))];
  const versions = all.filter((version) => !has(base, version) || (has(mine, version) && has(theirs, version)));
  return versions.length ? versions : null;
}

function editDraft(form) {
  const key = form.dataset.draft;
  const inputs = [...form.querySelectorAll(".field [name]")];
  const [status, discard, conflict] = ["status", "discard", "conflict"].map((name) => form.querySelector(`.draft-${name}`));
  let shown; // the version in the form

  function show(version) {
    shown = version;
    for (const input of inputs) input.value = version.fields[input.name] ?? "";
  }

  function set(versions) {
    drafts.set(key, versions).catch(update); // not stored: the browser is full, or its data belongs to another user
    update();
  }

  function reset() {
    shown = undefined;
    form.reset(); // to what the site has
  }

  function showConflict(versions) {
    conflict.hidden = versions.length < 2;
    const items = versions.map((version) => {
      const item = form.querySelector(".draft-version").content.cloneNode(true);
      item.querySelector("h3").textContent = version.fields.title || "Without a title";
      item.querySelector("time").textContent = formatTime(version.at);
      item.querySelector("p.text").textContent = version.fields.body;
      item.querySelector("button").onclick = () => set([version]);
      return item;
    });
    conflict.querySelector("ol").replaceChildren(...items);
  }

  function update() {
    const versions = drafts.get(key) ?? [];
    if (versions.length && !(shown && has(versions, shown))) show(versions.at(-1));
    if (!versions.length && shown) reset(); // saved or discarded, perhaps on another device
    showConflict(versions);
    discard.hidden = !versions.length;
    status.textContent = versions.length ? STATUS[drafts.entry(key).failed] ?? STATUS[drafts.status] : "";
  }

  function store() {
    const others = (drafts.get(key) ?? []).filter((version) => !(shown && isSame(version, shown)));
    const fields = Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
    shown = { fields, at: new Date().toISOString(), tab: TAB };
    set([...others, shown]);
  }

  form.addEventListener("input", store);
  discard.addEventListener("click", () => set(null));
  drafts.addEventListener("change", ({ detail }) => detail.keys.includes(key) && update());
  drafts.addEventListener("status", update);
  if (form.querySelector("[aria-invalid]")) {
    // The site has refused what the form has. It is the newest version of this tab, usually stored already: the form may
    // have been sent before its last change was stored.
    const versions = drafts.get(key) ?? [];
    shown = versions.find(({ fields }) => inputs.every(({ name, value }) => fields[name] === value));
    if (!shown) {
      shown = versions.find(({ tab }) => tab === TAB);
      store();
    }
  } else if (inputs.some(({ value, defaultValue = value }) => value !== defaultValue)) {
    store(); // what was written before this script was loaded
  }
  update();
}

const drafts = await openMine("drafts", keepBoth);
// The site has saved the note: only its message ends the draft. A form that was sent may not have arrived.
for (const { dataset } of document.querySelectorAll("[data-saved-draft]")) drafts.delete(dataset.savedDraft);
for (const form of document.querySelectorAll("form[data-draft]")) editDraft(form);
