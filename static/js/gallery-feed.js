import { Backoff } from "./backoff.js";
import { GallerySocket } from "./gallery-socket.js";
import { apply, emptyState } from "./gallery-state.js";
import { ServerClock } from "./server-clock.js";
import { UrlRenewal } from "./url-renewal.js";

const PAGE_SIZE = 60;
const FETCH_LIMIT_MS = 8_000;

/**
 * A gallery as it is now, kept up to date: the snapshot, then what changes since. Used by the page and by the wall.
 *
 * `onChange(state, previous)` is called for every change, `onConnection` with "live", "catching-up", "reconnecting" or
 * "offline", `onViewers` with the number of people watching. `bounds` is asked after every change what to remember:
 * the newest `keep` cards; or, while somebody reads from position `readingFrom` downwards, those and at most `keep` newer
 * ones, and when more have come none of them until `reload()`. `counts` tells which cards those are that the screen shows;
 * of the others as many are remembered besides. `clock` hears what time the server says it is.
 */
export class GalleryFeed {
  #config;
  #options;
  #state = emptyState();
  #socket;
  #renewal;
  #clock;
  #backoff = new Backoff();
  #retry = null;
  #loading = null;
  #paging = null;

  constructor({
    config,
    onChange,
    onConnection = () => {},
    onViewers = () => {},
    bounds,
    clock = new ServerClock(),
  }) {
    this.#config = config;
    this.#clock = clock;
    this.#options = { onChange, onConnection, onViewers, bounds };
    this.#socket = new GallerySocket({
      url: () => websocketAddress(config.websocket_path),
      cursor: () => ({ after: this.#state.cursor, epoch: this.#state.epoch }),
      onMessage: (message) => this.#receive(message),
      onState: (word) => this.#tellConnection(word),
    });
    this.#renewal = new UrlRenewal((ids) => this.#socket.sign(ids));
  }

  get state() {
    return this.#state;
  }

  start() {
    addEventListener("online", this.#hasten);
    this.#tellConnection("catching-up");
    this.#loadSnapshot();
  }

  stop() {
    removeEventListener("online", this.#hasten);
    clearTimeout(this.#retry);
    this.#loading?.abort();
    this.#paging = null;
    this.#socket.stop();
    this.#renewal.stop();
  }

  /** Loads the next older page. Resolves to whether there was one; rejects when it can't be reached. */
  loadMore() {
    if (typeof this.#state.next !== "number") return Promise.resolve(false);
    this.#paging ??= this.#loadPage(this.#state).finally(() => {
      this.#paging = null;
    });
    return this.#paging;
  }

  /**
   * Takes in a card that came another way: the answer to an upload that was sent in this epoch. After a restore there may
   * be no such picture any more; when there is, the feed tells.
   */
  add(card, epoch) {
    if (epoch === this.#state.epoch) this.#apply({ type: "card", card });
  }

  /** Loads the gallery afresh, unless that is under way. */
  reload() {
    if (this.#loading === null && this.#retry === null) this.#loadSnapshot();
  }

  /** Asks for fresh URLs of these images; they arrive as an ordinary change. */
  renew(ids) {
    this.#renewal.ask(ids);
  }

  async #loadSnapshot() {
    clearTimeout(this.#retry);
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    try {
      const snapshot = await this.#fetch({ limit: PAGE_SIZE }, loading.signal);
      if (loading.signal.aborted) return;
      this.#backoff.reset();
      this.#retry = null;
      this.#loading = null;
      this.#apply({ type: "snapshot", ...snapshot });
      this.#socket.start();
      this.#socket.resume();
    } catch (error) {
      if (loading.signal.aborted) return;
      this.#loading = null;
      console.warn("The gallery could not be loaded; trying again.", error);
      this.#tellConnection(navigator.onLine ? "reconnecting" : "offline");
      this.#retry = setTimeout(() => this.#loadSnapshot(), this.#backoff.next());
    }
  }

  async #loadPage({ next, epoch }) {
    const page = await this.#fetch({ limit: PAGE_SIZE, before: next });
    // A snapshot that arrived meanwhile starts the gallery over; its own pages follow.
    if (this.#state.epoch === epoch && this.#state.next === next) this.#apply({ type: "page", ...page });
    return page.images.length > 0;
  }

  async #fetch(query, signal) {
    const request = new AbortController(); // Safari knows AbortSignal.any only since 17.4
    const abort = () => request.abort();
    const limit = setTimeout(abort, FETCH_LIMIT_MS);
    signal?.addEventListener("abort", abort);
    try {
      const answer = await fetch(`${this.#config.images_url}?${new URLSearchParams(query)}`, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: request.signal,
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      return await answer.json();
    } finally {
      clearTimeout(limit);
      signal?.removeEventListener("abort", abort);
    }
  }

  #receive(message) {
    if (message.now) this.#clock.hear(message.now);
    if (message.type === "reset") this.#loadSnapshot();
    else if (message.type === "heartbeat") this.#options.onViewers(message.viewers);
    else this.#apply(message);
  }

  #apply(message) {
    const previous = this.#state;
    const { readingFrom = null, ...kept } = this.#options.bounds();
    const bound = readingFrom === null ? { type: "trim", ...kept } : { type: "hold", above: readingFrom, ...kept };
    this.#state = apply(apply(previous, message), bound);
    if (this.#state !== previous) this.#options.onChange(this.#state, previous);
  }

  #tellConnection(word) {
    if (word === "live") this.#renewal.flush();
    this.#options.onConnection(word);
  }

  #hasten = () => {
    if (this.#retry !== null) this.#loadSnapshot();
  };
}

function websocketAddress(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}
