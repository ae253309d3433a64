const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** How long to wait before the next attempt: doubling, and jittered so that a thousand screens don't return at once. */
export class Backoff {
  #attempts = 0;

  /** Milliseconds to wait now; each call doubles the next. */
  next() {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    return longest * (0.5 + Math.random() / 2);
  }

  /** Starts over, after something worked. */
  reset() {
    this.#attempts = 0;
  }
}
