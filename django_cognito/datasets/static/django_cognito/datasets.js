/**
 * Datasets of a signed-in user: the same on all devices, also after hours offline.
 *
 * A change is stored in IndexedDB before it is sent. The sender moves changes into an operation, stores it with its
 * id and body, and repeats it until the server has answered: a closed tab or a lost answer loses nothing and writes
 * nothing twice. One tab sends at a time; the others read the result from IndexedDB.
 *
 * Needs a secure context (HTTPS or localhost). The guide is docs/datasets.md.
 *
 * @module datasets
 */

const DATABASE = "django_cognito.datasets";
const STORES = ["meta", "records", "changes", "operations"];
// A name is a segment of a URL, where "." and ".." have another meaning.
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9_.:-]{1,128}$/;
// Far below the limits of the server: 1,024 records and 1 MB a dataset, DATA_UPLOAD_MAX_MEMORY_SIZE a request.
const BATCH_RECORDS = 100;
const BATCH_BYTES = 250_000;
/** @type {any} */
const ABSENT = { value: null, sync_count: 0 }; // a record that does not exist
const STATUSES = [200, 304, 400, 409, 410, 413]; // of the protocol; others are answered by something else
const RETRY_AFTER_MAX_SECONDS = 3600; // longer than that is a wrong clock, here or at the server
const DEFAULTS = {
  url: "/datasets/",
  merge: /** @type {Rule} */ ("server"),
  csrfCookie: "csrftoken",
  sendAfterSeconds: 2,
  pollSeconds: 15,
  pollMaxSeconds: 300,
  timeoutSeconds: 30,
};

/**
 * A JSON value. `null` stands for a record that does not exist.
 * @typedef {any} Json
 */

/**
 * Returns the value to keep after a conflict: `null` deletes the record. `base` is the last common value.
 * @typedef {(mine: Json, theirs: Json, base: Json) => Json} Merge
 */

/** @typedef {"server" | "client" | "newest" | Merge} Rule */

/**
 * @typedef {object} Options
 * @property {string} user The user's id, `{{ user.pk|unlocalize }}`. Another id deletes all data of the former user.
 * @property {string} [url] The URL of `datasets/`.
 * @property {Rule} [merge] The rule for conflicts.
 * @property {string} [csrfCookie] The setting CSRF_COOKIE_NAME.
 * @property {() => Record<string, string> | Promise<Record<string, string>>} [headers] More headers, for example
 *   Authorization. Called before each request.
 * @property {number} [sendAfterSeconds] The time in which changes are collected before they are sent.
 * @property {number} [pollSeconds] The shortest time between two polls.
 * @property {number} [pollMaxSeconds] The longest time between two polls: it doubles while nothing has changed.
 * @property {number} [timeoutSeconds] The time after which a request is repeated.
 */

/**
 * What this device has of a key. Times are ISO 8601. `device_time` is that of the device which made the change, and as
 * right as its clock; `modified_at` is the server's.
 * @typedef {object} Entry
 * @property {string} key
 * @property {Json} value
 * @property {string} [device_time]
 * @property {string} [modified_at]
 * @property {string} [failed] The code with which the server refused the change.
 */

/** @typedef {Entry & { sync_count: number }} Remote A record of the server. */
/** @typedef {{ value: Json, sync_count: number }} Version */
/** @typedef {Entry & { dataset: string, device_time: string, rule: string, base: Version }} Change `base` is what the user has seen, `rule` that of the page. */
/** @typedef {{ dataset: string, body: string, changes: Change[], isLast: boolean }} Operation */
/** @typedef {{ id: string, sync_count: number, written: Remote[], conflicts: Remote[] }} Answer */
/** @typedef {"synced" | "pending" | "offline" | "signed_out" | "failed"} Status */
/** @typedef {Record<string, IDBObjectStore>} Stores */

/** The server has not answered, or does not answer now. The queue stays as it is. */
class Interruption extends Error {
  /**
   * @param {"pending" | "offline" | "signed_out"} status
   * @param {number} [seconds] Of Retry-After.
   */
  constructor(status, seconds = 0) {
    super(status);
    this.status = status;
    this.seconds = seconds;
  }
}

/**
 * Open a dataset. Delete what IndexedDB has of another user first.
 * @param {string} name 1 to 128 of `A-Za-z0-9_.:-`, but not "." or "..".
 * @param {Options} options
 * @returns {Promise<Dataset>}
 */
export async function openDataset(name, options) {
  if (!NAME.test(name)) throw new TypeError(`Not a name: ${name}`);
  if (!options?.user) throw new TypeError("`user` is required");
  if (!isSecureContext) throw new TypeError("HTTPS is required");
  const database = await openDatabase();
  const rule = typeof options.merge === "function" ? "function" : (options.merge ?? "server");
  return new Dataset(database, name, { ...DEFAULTS, ...options, rule, user: String(options.user) }).start();
}

/**
 * The records of one dataset. Events, each with a `detail`:
 * - `change`: `{ keys }` were changed by another device or tab, or by the rule for conflicts.
 * - `conflict`: `{ key, mine, theirs, base, value }`; `mine` and `theirs` are entries, `value` is what the rule returned.
 * - `failed`: `{ key, value, code }` was refused; it stays on this device until it is set again.
 * - `status`: `{ status }`.
 */
export class Dataset extends EventTarget {
  /** @type {Status} */
  status = "pending";
  /** @type {Map<string, any>} Also deletions. */
  #entries = new Map();
  #hasChanges = false;
  #hasFailures = false;
  /** @type {"pending" | "offline" | "signed_out" | null} */
  #interruption = "pending";
  /** @type {Map<string, Change>} Values of `set` that are not in IndexedDB, yet or because it is full. */
  #unstored = new Map();
  #batchRecords = BATCH_RECORDS;
  #closing = new AbortController();
  #channel = new BroadcastChannel(DATABASE);
  #timer = 0;
  #timerAt = Infinity;
  #pollSeconds;
  #database;
  #options;
  #url;
  #range;
  /** @type {Promise<void> | undefined} */
  #running;
  /** @type {Promise<void> | undefined} */
  #next;

  /**
   * Use `openDataset`.
   * @param {IDBDatabase} database
   * @param {string} name
   * @param {Options & typeof DEFAULTS & { rule: string }} options
   */
  constructor(database, name, options) {
    super();
    this.#database = database;
    this.#options = options;
    this.#pollSeconds = options.pollSeconds;
    this.#url = new URL(`./${name}/`, new URL(options.url, location.href)).href;
    this.#range = IDBKeyRange.bound([this.#url], [this.#url, []]);
  }

  /**
   * Claim IndexedDB for the user, load the records and begin to poll. Close if the server does not confirm the user.
   * `openDataset` calls it.
   */
  async start() {
    const { signal } = this.#closing;
    await this.#claim();
    if (signal.aborted) return this;
    await this.#refresh();
    this.#channel.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    this.#post("user");
    addEventListener("online", () => this.#resume(), { signal });
    addEventListener("offline", () => this.#updateStatus("offline"), { signal });
    document.addEventListener("visibilitychange", () => this.#resume(), { signal });
    this.#plan(0);
    return this;
  }

  /**
   * Return the value of a key, or undefined.
   * @param {string} key
   * @returns {Json}
   */
  get(key) {
    return this.entry(key)?.value;
  }

  /**
   * Return the value of a key with its times, or undefined.
   * @param {string} key
   * @returns {Entry | undefined}
   */
  entry(key) {
    const { value, device_time, modified_at, failed } = this.#entries.get(key) ?? ABSENT;
    return value === null ? undefined : { key, value, device_time, modified_at, failed };
  }

  /**
   * Return all keys with their values, in order of key.
   * @returns {[string, Json][]}
   */
  entries() {
    const keys = [...this.#entries.keys()].sort();
    return keys.filter((key) => this.entry(key)).map((key) => [key, this.get(key)]);
  }

  /**
   * Store a value on this device, and send it later. `get` returns it at once; the promise resolves when it is stored.
   * @param {string} key
   * @param {Json} value
   */
  async set(key, value) {
    const seen = this.#entries.get(key) ?? ABSENT;
    const copy = copyJson(value);
    if (isEqual(copy, seen.value) && !seen.failed) return;
    const base = seen.failed === "not_stored" ? seen.base : { value: seen.value, sync_count: (seen.base ?? seen).sync_count };
    /** @type {Change} */
    const change = { dataset: this.#url, key, value: copy, device_time: new Date().toISOString(), rule: this.#options.rule, base };
    this.#entries.set(key, change);
    this.#unstored.set(key, change);
    this.#hasChanges = true;
    this.#updateStatus(this.#interruption);
    let isStored = false;
    try {
      isStored = await this.#transact("readwrite", (stores) => storeChange(stores, change, this.#options.merge));
      if (this.#unstored.get(key) === change) this.#unstored.delete(key);
    } catch (error) {
      change.failed = "not_stored";
      throw error;
    } finally {
      if (!isStored) await this.#refresh(); // an error, or a value that another tab has set as well
    }
    this.#post("stored");
    this.#schedule(this.#options.sendAfterSeconds);
  }

  /**
   * Delete a record, here at once and later on all devices.
   * @param {string} key
   */
  delete(key) {
    return this.set(key, null);
  }

  /**
   * Send all changes and fetch those of other devices now, but not before the time of the server's Retry-After. If the
   * server cannot be reached, `status` says so, and the promise resolves all the same.
   * @returns {Promise<void>}
   */
  sync() {
    // A call during a sync waits for its end, and then sends what was set in between.
    this.#next ??= Promise.allSettled([this.#running]).then(() => {
      this.#running = this.#next;
      this.#next = undefined;
      return this.#sync();
    });
    return this.#next;
  }

  /** Stop. What was not sent stays in IndexedDB. */
  close() {
    clearTimeout(this.#timer);
    this.#closing.abort();
    this.#channel.close();
    this.#database.close();
  }

  /**
   * Delete everything of another user. Try changes again that were refused: the limits may have changed.
   *
   * Close if IndexedDB belongs to another user and the server does not confirm this one: the page may be an old one of a
   * former user, which the browser has restored beside the pages of the current one.
   * @param {string} [former] The user whose data may be deleted: the server has confirmed this one.
   */
  async #claim(former) {
    const { user } = this.#options;
    const other = await transact(this.#database, "readwrite", async (stores) => {
      const owner = (await getResult(stores.meta.get("user"))) ?? user;
      if (owner !== user && owner !== former) return owner;
      if (owner !== user) for (const store of Object.values(stores)) store.clear();
      stores.meta.put(user, "user");
      for (const change of await getResult(stores.changes.getAll(this.#range))) {
        if (change.failed) stores.changes.put({ ...change, failed: undefined });
      }
    });
    if (!other) return;
    await this.#request("").catch(({ status }) => this.#leave(status));
    if (!this.#closing.signal.aborted) await this.#claim(other);
  }

  /**
   * Run `work` in one transaction, if IndexedDB still belongs to this user. Another user may have signed in elsewhere.
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(stores: Stores) => Promise<T>} work
   * @returns {Promise<T>}
   */
  #transact(mode, work) {
    return transact(this.#database, mode, async (stores) => {
      if ((await getResult(stores.meta.get("user"))) === this.#options.user) return work(stores);
      this.#leave();
      throw new Interruption("signed_out");
    });
  }

  /**
   * Read the entries from IndexedDB, where other tabs write as well.
   * @returns {Promise<void>}
   */
  async #refresh() {
    const read = this.#transact("readonly", ({ records, operations, changes }) => {
      const results = [records.getAll(this.#range), operations.get(this.#url), changes.getAll(this.#range)];
      return Promise.all(results.map(getResult));
    });
    const content = await read.catch((error) => {
      if (!this.#closing.signal.aborted) throw error;
    });
    if (!content) return; // closed, or another user has signed in
    const [records, operation, changes] = content;
    const waiting = [...(operation?.changes ?? []), ...changes, ...this.#unstored.values()];
    this.#hasChanges = waiting.some((change) => this.#isWaiting(change));
    this.#hasFailures = waiting.some((change) => !this.#isWaiting(change));
    this.#show([...records, ...waiting]);
    this.#updateStatus(this.#interruption);
  }

  /**
   * Replace the entries, and dispatch `change` with the keys whose values differ.
   * @param {Entry[]} versions The last one of a key is the current one.
   */
  #show(versions) {
    const earlier = this.#entries;
    this.#entries = new Map(versions.map((version) => [version.key, version]));
    const keys = [...new Set([...earlier.keys(), ...this.#entries.keys()])].filter((key) => {
      return !isEqual(earlier.get(key)?.value ?? null, this.#entries.get(key)?.value ?? null);
    });
    if (keys.length) this.#dispatch("change", { keys });
  }

  /** @param {"pending" | "offline" | "signed_out" | null} interruption */
  #updateStatus(interruption) {
    this.#interruption = interruption;
    const own = this.#hasFailures ? "failed" : this.#hasChanges ? "pending" : "synced";
    const status = interruption === "pending" && this.#hasFailures ? "failed" : (interruption ?? own);
    if (status === this.status) return;
    this.status = status;
    this.#dispatch("status", { status });
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * Dispatch events in all tabs.
   * @param {[string, object][]} events
   */
  async #announce(events) {
    if (!events.length) return;
    await this.#refresh();
    for (const [type, detail] of events) this.#dispatch(type, detail);
    this.#post("events", { events });
  }

  /**
   * Send a message to the other tabs.
   * @param {string} type
   * @param {object} [data]
   */
  #post(type, data) {
    const { user } = this.#options;
    if (!this.#closing.signal.aborted) this.#channel.postMessage({ type, user, dataset: this.#url, ...data });
  }

  /**
   * Handle a message of another tab.
   * @param {any} message
   */
  async #receive({ type, dataset, user, events = [], interruption, seconds, pollSeconds }) {
    const isOwn = user === this.#options.user; // else perhaps a late message of a former user
    if (type === "user" && !isOwn) this.#leave();
    if (!isOwn || type === "user" || dataset !== this.#url) return;
    if (type === "synced") {
      this.#interruption = interruption;
      this.#pollSeconds = pollSeconds;
    }
    if (this.#closing.signal.aborted) return;
    await this.#refresh();
    for (const [name, detail] of events) this.#dispatch(name, detail);
    if (type === "stored") this.#schedule(this.#options.pollSeconds); // if the other tab is closed before it sends
    if (type !== "synced") return;
    if (this.#hasChanges && !this.#interruption) this.#schedule(this.#options.sendAfterSeconds);
    else this.#plan(1.5 * seconds); // the other tab goes on, unless it is closed or hidden
  }

  /**
   * Another user has signed in: forget what the page has of this one, and stop.
   * @param {"pending" | "offline" | "signed_out"} status
   */
  #leave(status = "signed_out") {
    this.close();
    this.#show([]);
    this.#updateStatus(status);
  }

  /** The page is visible or the network is back: poll now, and often. Or it is hidden, and a phone may stop it soon. */
  #resume() {
    if (document.hidden && !this.#hasChanges) return;
    this.#pollSeconds = this.#options.pollSeconds;
    this.#plan(0);
  }

  /**
   * Sync in that time, or earlier if that is planned.
   * @param {number} seconds
   */
  #schedule(seconds) {
    if (performance.now() + seconds * 1000 < this.#timerAt) this.#plan(seconds);
  }

  /**
   * Sync in that time. A hidden page does not poll, but it sends.
   * @param {number} seconds
   */
  #plan(seconds) {
    if (this.#closing.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timerAt = performance.now() + seconds * 1000;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      if (!document.hidden || this.#hasChanges) this.sync();
    }, seconds * 1000);
  }

  /** Sync under the lock that all tabs share, plan the next sync, and inform the other tabs. */
  async #sync() {
    const { signal } = this.#closing;
    clearTimeout(this.#timer);
    let seconds = this.#options.pollMaxSeconds; // after an error in this module
    try {
      seconds = await navigator.locks.request(this.#url, { signal }, () => this.#exchange());
      this.#interruption = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Interruption)) throw error;
      seconds = error.seconds || this.#backOff();
      this.#interruption = error.status;
    } finally {
      this.#plan(seconds);
    }
    if (signal.aborted) return;
    await this.#refresh();
    this.#post("synced", { interruption: this.#interruption, seconds, pollSeconds: this.#pollSeconds });
    if (this.#hasChanges && !this.#interruption) this.#schedule(this.#options.sendAfterSeconds);
  }

  /**
   * Send the changes, then fetch those of other devices.
   * @returns {Promise<number>} The seconds until the next poll.
   */
  async #exchange() {
    // The time of a Retry-After, whichever tab received it.
    const time = await this.#transact("readonly", ({ meta }) => getResult(meta.get("not_before")));
    const seconds = (time - Date.now()) / 1000; // NaN without one
    if (seconds > 0 && seconds <= RETRY_AFTER_MAX_SECONDS) throw new Interruption("pending", seconds);
    let sent = null;
    let isCurrent = false;
    do {
      sent = await this.#send();
      isCurrent = sent?.isCurrent ?? isCurrent;
    } while (sent && !sent.isLast);
    if (!isCurrent && !(await this.#fetch())) return this.#backOff();
    this.#pollSeconds = this.#options.pollSeconds;
    return this.#pollSeconds;
  }

  /** Return the seconds until the next poll, and double them for the one after it. */
  #backOff() {
    const seconds = this.#pollSeconds;
    this.#pollSeconds = Math.min(2 * seconds, this.#options.pollMaxSeconds);
    return seconds;
  }

  /**
   * Return whether this page sends a change. A conflict of another rule is left to the pages with that rule.
   * @param {Change} change
   */
  #isWaiting({ failed, rule }) {
    return !failed || (failed === "other_rule" && rule === this.#options.rule);
  }

  /** Send one operation: the one whose answer was lost, or else the next changes. */
  async #send() {
    const operation = await this.#transact("readwrite", (stores) => this.#takeOperation(stores));
    if (!operation) return null;
    const headers = { "Content-Type": "application/json" };
    const { status, body } = await this.#request("", { method: "POST", body: operation.body, headers });
    if (status === 200) return this.#acceptAnswer(operation, body);
    return this.#acceptRefusal(operation, body?.code || `http_${status}`);
  }

  /**
   * Return the stored operation, or move the next changes into a new one.
   * @param {Stores} stores
   * @returns {Promise<Operation | null>}
   */
  async #takeOperation({ changes, operations }) {
    const stored = await getResult(operations.get(this.#url));
    if (stored) return { ...stored, isLast: false };
    /** @type {Change[]} */
    const all = await getResult(changes.getAll(this.#range));
    const waiting = all.filter((change) => this.#isWaiting(change)).map((change) => ({ ...change, failed: undefined }));
    const batch = takeBatch(waiting, this.#batchRecords);
    if (!batch.length) return null;
    const records = batch.map(({ key, value, base, device_time }) => {
      return { key, value, sync_count: base.sync_count, device_time };
    });
    // The body is stored as text: the server compares that of a repeated operation.
    const body = JSON.stringify({ operation_id: crypto.randomUUID(), records });
    const operation = { dataset: this.#url, body, changes: batch, isLast: batch.length === waiting.length };
    for (const { key } of batch) changes.delete([this.#url, key]);
    operations.put(operation);
    return operation;
  }

  /**
   * Store what was written, and merge what is in conflict.
   * @param {Operation} operation
   * @param {Answer} answer
   */
  async #acceptAnswer(operation, answer) {
    const written = new Map(answer.written.map(({ key, sync_count }) => [key, sync_count]));
    const conflicts = new Map(answer.conflicts.map((record) => [record.key, record]));
    /** @type {[string, object][]} */
    const events = [];
    const isCurrent = await this.#transact("readwrite", async ({ meta, records, changes, operations }) => {
      for (const sent of operation.changes) {
        const id = [this.#url, sent.key];
        const newer = await getResult(changes.get(id)); // set while the operation was sent
        const theirs = conflicts.get(sent.key);
        if (theirs) {
          records.put({ ...theirs, dataset: this.#url });
          const [change, ...decided] = this.#resolve(newer ?? sent, theirs, sent);
          if (change) changes.put(change);
          else changes.delete(id);
          events.push(...decided);
        } else {
          const { base, ...rest } = sent;
          const record = { ...rest, sync_count: written.get(sent.key) };
          records.put(record);
          if (newer) changes.put({ ...newer, base: record });
        }
      }
      operations.delete(this.#url);
      // A value takes a count of its own; the deletion of a record that does not exist takes none.
      const change = operation.changes.find(({ key, value }) => value !== null && written.has(key));
      const count = written.get(change?.key ?? "");
      // Our own write counts as fetched if it is the first one after the last fetch.
      const state = await getResult(meta.get(this.#url));
      if (!state || (state.id ?? answer.id) !== answer.id || count !== state.sync_count + 1) return false;
      meta.put({ id: answer.id, sync_count: count }, this.#url);
      return count === answer.sync_count; // and the last one
    });
    this.#batchRecords = Math.min(2 * this.#batchRecords, BATCH_RECORDS);
    await this.#announce(events);
    return { isCurrent, isLast: operation.isLast && !conflicts.size };
  }

  /**
   * Decide a conflict: return the change to send again, if any, and the events to dispatch.
   * @param {Change} mine
   * @param {Remote} theirs
   * @param {Change} sent An earlier change than `mine`, or the same.
   * @returns {[Change?, ...[string, object][]]}
   */
  #resolve(mine, theirs, sent) {
    const { base, ...entry } = mine;
    const change = { ...mine, base: theirs };
    if (isEqual(mine.value, theirs.value)) return [];
    // Only we have changed the value, now or with a write whose answer was lost.
    if (isEqual(theirs.value, base.value) || isEqual(theirs.value, sent.value)) return [change];
    if (mine.rule !== this.#options.rule) return refuse(mine, "other_rule"); // a page with the rule of the change tries again
    let value;
    try {
      value = copyJson(this.#merge(mine, theirs));
    } catch (error) {
      reportError(error);
      return refuse(mine, "merge_failed");
    }
    const detail = { key: mine.key, mine: entry, theirs, base: base.value, value };
    return [isEqual(value, theirs.value) ? undefined : { ...change, value }, ["conflict", detail]];
  }

  /**
   * Apply the rule. "newest" believes the clocks of the devices: that is the choice of the site.
   * @param {Change} mine
   * @param {Remote} theirs
   * @returns {Json}
   */
  #merge(mine, theirs) {
    const { merge } = this.#options;
    if (typeof merge === "function") return merge(mine.value, theirs.value, mine.base.value);
    const theirTime = theirs.device_time ?? theirs.modified_at ?? "";
    const isNewer = Date.parse(mine.device_time) > Date.parse(theirTime);
    return (merge === "client" || (merge === "newest" && isNewer) ? mine : theirs).value;
  }

  /**
   * Nothing was written. Find the record that is refused by smaller batches, mark it, and go on with the others.
   * @param {Operation} operation
   * @param {string} code
   */
  async #acceptRefusal({ changes: sent }, code) {
    this.#batchRecords = Math.ceil(sent.length / 2);
    const [change, event] = refuse(sent[0], code);
    const isFound = sent.length === 1;
    await this.#transact("readwrite", async ({ changes, operations }) => {
      for (const item of isFound ? [change] : sent) {
        const newer = await getResult(changes.get([this.#url, item.key]));
        if (!newer) changes.put(item);
      }
      operations.delete(this.#url);
    });
    if (isFound) await this.#announce([event]);
    return { isCurrent: false, isLast: false };
  }

  /**
   * Fetch what has changed since the last time. Return whether there was anything.
   * @returns {Promise<boolean>}
   */
  async #fetch() {
    const state = await this.#transact("readonly", ({ meta }) => getResult(meta.get(this.#url)));
    let { id, sync_count: since } = state ?? { id: null, sync_count: 0 };
    /** @type {Record<string, string>} */
    let headers = id ? { "If-None-Match": `"${id}-${since}"` } : {};
    let isFull = since === 0;
    let start = ""; // where the first page began: deletions after it must still be stored for the next pages
    /** @type {Remote[]} */
    let fetched = [];
    let hasMore = true;
    while (hasMore) {
      const { status, body } = await this.#request(`?since=${since}${start}`, { headers });
      if (status === 304) return false;
      if (status === 200 && (id === null || body.id === id)) {
        fetched.push(...body.records);
        ({ id, next_since: since, more: hasMore } = body);
        start = `&start=${body.start}`;
      } else if (isFull && status !== 200) {
        throw new Interruption("offline");
      } else {
        // Deletions in between are no longer kept, or it is another dataset: fetch all. The queue stays as it is; the
        // server decides for each change whether it is a conflict.
        [id, since, start, isFull, fetched] = [null, 0, "", true, []];
      }
      headers = {};
    }
    await this.#transact("readwrite", async ({ meta, records }) => {
      if (isFull) records.delete(this.#range);
      for (const record of fetched) records.put({ ...record, dataset: this.#url });
      meta.put({ id, sync_count: since }, this.#url);
    });
    return fetched.length > 0;
  }

  /**
   * Send a request and return the answers that the protocol defines. Raise Interruption for all others.
   * @param {string} query
   * @param {RequestInit} [init]
   * @returns {Promise<{ status: number, body: any }>}
   */
  async #request(query, init = {}) {
    const { user, timeoutSeconds, headers } = this.#options;
    const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
    /** @type {Response} */
    let response;
    let body;
    try {
      const expired = new Promise((_, reject) => (timeout.onabort = reject));
      const own = { "X-Dataset-User": user, ...this.#getCsrfHeader(), ...(await Promise.race([headers?.(), expired])) };
      response = await fetch(this.#url + query, {
        ...init,
        headers: { ...init.headers, ...own },
        cache: "no-store", // the browser's cache is not emptied for the next user
        redirect: "manual", // to the login page
        signal: timeout,
      });
      body = response.status === 304 ? null : await response.json().catch(() => null);
    } catch {
      throw new Interruption("offline"); // no connection, no headers, or no answer in time
    }
    const { status, type } = response;
    if (type === "opaqueredirect" || status === 401 || status === 403) throw new Interruption("signed_out");
    const isExpected = status !== 200 || Array.isArray(body?.records ?? body?.written);
    if (STATUSES.includes(status) && isExpected) return { status, body };
    // A number or a date (RFC 9110 10.2.3).
    const value = response.headers.get("Retry-After") ?? "";
    const stated = Number(value) || (Date.parse(value) - Date.now()) / 1000 || 0;
    const seconds = Math.min(Math.max(stated, 0), RETRY_AFTER_MAX_SECONDS);
    const time = Date.now() + seconds * 1000;
    if (seconds) await this.#transact("readwrite", async ({ meta }) => meta.put(time, "not_before"));
    throw new Interruption(status === 429 ? "pending" : "offline", seconds);
  }

  /**
   * Return the header with the token of Django, which only the own site gets.
   * @returns {Record<string, string>}
   */
  #getCsrfHeader() {
    if (new URL(this.#url).origin !== location.origin) return {};
    const start = `${this.#options.csrfCookie}=`;
    const cookie = document.cookie.split("; ").find((part) => part.startsWith(start));
    // With CSRF_USE_SESSIONS or CSRF_COOKIE_HTTPONLY the page has it: {% csrf_token %}, or a meta element of that name.
    /** @type {any} */
    const element = document.querySelector("[name=csrfmiddlewaretoken]");
    const token = cookie?.slice(start.length) ?? element?.value ?? element?.content;
    return token ? { "X-CSRFToken": token } : {};
  }
}

/** @returns {Promise<IDBDatabase>} */
async function openDatabase() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore("meta"); // "user", "not_before", and { id, sync_count } by URL of a dataset
    database.createObjectStore("records", { keyPath: ["dataset", "key"] }); // as the server has them
    database.createObjectStore("changes", { keyPath: ["dataset", "key"] }); // not sent yet
    database.createObjectStore("operations", { keyPath: "dataset" }); // sent, and not answered yet
  };
  const database = await getResult(request);
  database.onversionchange = () => database.close();
  return database;
}

/**
 * Run `work` in one transaction, and return its result when the transaction is complete.
 * @template T
 * @param {IDBDatabase} database
 * @param {IDBTransactionMode} mode
 * @param {(stores: Stores) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function transact(database, mode, work) {
  const transaction = database.transaction(STORES, mode);
  const completed = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  completed.catch(() => {}); // an error of `work` is raised below
  const result = await work(Object.fromEntries(STORES.map((name) => [name, transaction.objectStore(name)])));
  await completed;
  return result;
}

/**
 * Resolve with the result of a request to IndexedDB.
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function getResult(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Store a change of a value that the user has seen, `change.base`. Return false if another tab has set the value since
 * then, and a function has merged both.
 * @param {Stores} stores
 * @param {Change} change
 * @param {Rule} merge
 */
async function storeChange({ records, changes, operations }, change, merge) {
  const id = [change.dataset, change.key];
  const operation = await getResult(operations.get(change.dataset));
  const sent = operation?.changes.find((/** @type {Change} */ { key }) => key === change.key);
  const stored = (await getResult(changes.get(id))) ?? sent ?? (await getResult(records.get(id))) ?? ABSENT;
  const isSeen = isEqual(stored.value, change.base.value);
  const isMerged = !isSeen && stored.base && typeof merge === "function";
  const value = isMerged ? copyJson(merge(change.value, stored.value, change.base.value)) : change.value;
  // A record that the user has not seen is a conflict, which the server finds by the count of the one that was seen.
  const base = stored.base ?? (isSeen ? stored : change.base);
  changes.put({ ...change, value, base });
  return !isMerged;
}

/**
 * Return the first changes that fit into one request.
 * @param {Change[]} changes
 * @param {number} recordsMax
 */
function takeBatch(changes, recordsMax) {
  let bytes = 0;
  const fits = changes.slice(0, recordsMax).findIndex(({ key, value }, index) => {
    bytes += new Blob([JSON.stringify({ key, value })]).size;
    return index > 0 && bytes > BATCH_BYTES;
  });
  return changes.slice(0, fits < 0 ? recordsMax : fits);
}

/**
 * Return the change as refused, and the event for it.
 * @param {Change} change
 * @param {string} code
 * @returns {[Change, [string, object]]}
 */
function refuse(change, code) {
  const { key, value } = change;
  return [{ ...change, failed: code }, ["failed", { key, value, code }]];
}

/**
 * Return a copy of a value. Raise TypeError if JSON does not have it: undefined, NaN, a Date or a Map.
 * @param {any} value
 * @returns {Json}
 */
function copyJson(value) {
  const copy = JSON.parse(JSON.stringify(value) ?? null);
  if (!isEqual(copy, value)) throw new TypeError("Not a JSON value");
  return copy;
}

/**
 * Return whether two JSON values are equal. A database may change the order of the names in an object.
 * @param {Json} a
 * @param {Json} b
 * @returns {boolean}
 */
function isEqual(a, b) {
  if (a === b) return true;
  if (!a || !b || typeof a !== "object" || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name]));
}
