const GATHER_MS = 50;
const BETWEEN_REQUESTS_MS = 250;
const IDS_PER_REQUEST = 200;
const ASK_AGAIN_MS = 10_000;

/**
 * Gathers the images whose URLs run out and asks for new ones, a few requests a second. The same image is asked for
 * at most every ten seconds, so that a picture which can't be loaded at all doesn't keep asking.
 */
export class UrlRenewal {
  #sign;
  #wanted = new Set();
  #asked = new Map();
  #timer = null;

  /** @param {(ids: string[]) => boolean} sign sends one request; false when that is impossible right now */
  constructor(sign) {
    this.#sign = sign;
  }

  ask(ids) {
    const now = performance.now(); // not the time of day, which may be put right by hours
    for (const [id, at] of this.#asked) if (now - at > ASK_AGAIN_MS) this.#asked.delete(id);
    for (const id of ids) if (!this.#asked.has(id)) this.#wanted.add(id);
    if (this.#wanted.size) this.#timer ??= setTimeout(this.#send, GATHER_MS);
  }

  /** Asks for what had to wait for a connection. */
  flush() {
    if (this.#wanted.size) this.#timer ??= setTimeout(this.#send, GATHER_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#wanted.clear();
  }

  #send = () => {
    this.#timer = null;
    const ids = [...this.#wanted].slice(0, IDS_PER_REQUEST);
    if (!this.#sign(ids)) return;
    for (const id of ids) {
      this.#wanted.delete(id);
      this.#asked.set(id, performance.now());
    }
    if (this.#wanted.size) this.#timer = setTimeout(this.#send, BETWEEN_REQUESTS_MS);
  };
}
