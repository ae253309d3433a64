const GATHER_MS = 50;
const BETWEEN_REQUESTS_MS = 250;
const IDS_PER_REQUEST = 200;
const ASK_AGAIN_MS = 10_000;

/**
 * Gathers the images whose URLs run out and asks for new ones, a few requests a second. The same image is asked for
 * at most every ten seconds, so that a picture which can't be loaded at all doesn't keep asking; who asks sooner waits.
 */
export class UrlRenewal {
  #sign;
  #wanted = new Set();
  #asked = new Map();
  #timer = null;
  #sentAt = -Infinity;

  /** @param {(ids: string[]) => boolean} sign sends one request; false when that is impossible right now */
  constructor(sign) {
    this.#sign = sign;
  }

  ask(ids) {
    for (const id of ids) this.#wanted.add(id);
    this.flush();
  }

  /** Asks for what had to wait: for a connection, or for its time. */
  flush() {
    const pause = Math.max(GATHER_MS, this.#sentAt + BETWEEN_REQUESTS_MS - performance.now());
    if (this.#wanted.size) this.#timer ??= setTimeout(this.#send, pause);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#wanted.clear();
  }

  #send = () => {
    this.#timer = null;
    const now = performance.now();
    for (const [id, at] of this.#asked) if (now - at >= ASK_AGAIN_MS) this.#asked.delete(id);
    const due = [...this.#wanted].filter((id) => !this.#asked.has(id)).slice(0, IDS_PER_REQUEST);
    if (due.length && !this.#sign(due)) return;
    for (const id of due) {
      this.#wanted.delete(id);
      this.#asked.set(id, now);
    }
    this.#sentAt = now;
    this.flush();
  };
}
