const APART_MS = 1_200;

/**
 * Says things to people who listen to the page, one after the other. Every failure is said; of all else that waits at once,
 * only the last.
 */
export class Announcer {
  #element;
  #waiting = [];
  #timer = null;

  /** @param {() => HTMLElement} element the polite live region that can be heard now */
  constructor(element) {
    this.#element = element;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Says `text`, now or when what was said before had time to be heard. */
  say(text, { isFailure = false } = {}) {
    if (!isFailure) this.#waiting = this.#waiting.filter((other) => other.isFailure);
    this.#waiting.push({ text, isFailure });
    if (this.#timer === null) this.#speak();
  }

  #speak = () => {
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    this.#element().textContent = this.#waiting.shift().text;
    this.#timer = setTimeout(this.#speak, APART_MS);
  };
}
